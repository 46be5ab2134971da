package v2auth

import (
	"errors"
	"fmt"
	"net/http"
)

// errMalformed is wrapped by the errors of documents in the tree that are not what this package writes.
var errMalformed = errors.New("v2auth: malformed document")

// Refusal is etcd's answer to what cannot be done. It changed nothing.
type Refusal struct {
	Status  int // of the HTTP answer
	Message string
}

// Error is the text of the answer.
func (r *Refusal) Error() string { return r.Message }

// refuse makes a refusal; all of them begin alike.
func refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Message: "auth: " + fmt.Sprintf(format, args...)}
}

func noUser(name string) *Refusal {
	return refuse(http.StatusNotFound, "User %s does not exist.", name)
}

func noRole(name string) *Refusal {
	return refuse(http.StatusNotFound, "Role %s does not exist.", name)
}

// badName is of names that no node can have. No request for a page of etcd's has one.
func badName(name string) *Refusal {
	return refuse(http.StatusBadRequest, "%q is not a name", name)
}

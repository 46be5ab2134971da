package v2http

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/petcd/petcd/server/api"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage/v2store"
)

// The codes of refusals that are not the tree's.
const (
	codeUnauthorized       v2store.Code = 110
	codePrevValueRequired  v2store.Code = 201
	codeTTLNotNumber       v2store.Code = 202
	codeIndexNotNumber     v2store.Code = 203
	codeInvalidField       v2store.Code = 209
	codeInvalidForm        v2store.Code = 210
	codeRefreshValue       v2store.Code = 211
	codeRefreshTTLRequired v2store.Code = 212
	codeRaft               v2store.Code = 300
)

// messages are what etcd says beside each of them.
var messages = map[v2store.Code]string{
	codeUnauthorized:       "The request requires user authentication",
	codePrevValueRequired:  "PrevValue is Required in POST form",
	codeTTLNotNumber:       "The given TTL in POST form is not a number",
	codeIndexNotNumber:     "The given index in POST form is not a number",
	codeInvalidField:       "Invalid field",
	codeInvalidForm:        "Invalid POST form",
	codeRefreshValue:       "Value provided on refresh",
	codeRefreshTTLRequired: "A TTL must be provided on refresh",
	codeRaft:               "Raft Internal Error",
}

// statuses are the HTTP statuses of codes; those that are not here are bad requests.
var statuses = map[v2store.Code]int{
	v2store.CodeKeyNotFound: http.StatusNotFound,
	v2store.CodeNotFile:     http.StatusForbidden,
	v2store.CodeDirNotEmpty: http.StatusForbidden,
	v2store.CodeTestFailed:  http.StatusPreconditionFailed,
	v2store.CodeNodeExists:  http.StatusPreconditionFailed,
	codeUnauthorized:        http.StatusUnauthorized,
	codeRaft:                http.StatusInternalServerError,
}

// keyError is the body of every refusal of a request for keys.
type keyError struct {
	Code    v2store.Code `json:"errorCode"`
	Message string       `json:"message"`
	Cause   string       `json:"cause,omitempty"`
	Index   uint64       `json:"index"`
}

// refusal is a refusal that the tree knows nothing of.
func refusal(code v2store.Code, cause string) *keyError {
	return &keyError{Code: code, Message: messages[code], Cause: cause}
}

// Error is the refusal as etcd's clients print it.
func (e *keyError) Error() string { return e.Message + " (" + e.Cause + ")" }

// status is the HTTP status of a refusal.
func (e *keyError) status() int {
	if s, found := statuses[e.Code]; found {
		return s
	}
	return http.StatusBadRequest
}

// keyErrorOf is the refusal that an error of the member becomes.
func keyErrorOf(err error) *keyError {
	var ours *keyError
	var tree *v2store.Error
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &tree):
		return &keyError{Code: tree.Code, Message: tree.Code.String(), Cause: strings.TrimPrefix(tree.Cause, namespace), Index: tree.Index}
	case errors.Is(err, replica.ErrRequestTooLarge): // nothing is wrong with the cluster, so clients need not try another member
		return refusal(codeInvalidForm, api.Text(err))
	}
	return refusal(codeRaft, api.Text(err))
}

// write answers with the refusal.
func (e *keyError) write(w http.ResponseWriter) {
	data, err := json.Marshal(e)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Etcd-Index", strconv.FormatUint(e.Index, 10))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status())
	_, _ = w.Write(append(data, '\n')) // a client that left gets no answer
}

// writeMessage answers with an error of anything but keys: a message and no newline.
func writeMessage(w http.ResponseWriter, status int, message string) {
	data, err := json.Marshal(struct {
		Message string `json:"message"`
	}{message})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that left gets no answer
}

// writeNoAuth answers a request of somebody who is not root.
func writeNoAuth(w http.ResponseWriter) {
	writeMessage(w, http.StatusUnauthorized, "Insufficient credentials")
}

package v2

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	client "go.etcd.io/etcd/client/v2"
)

// noAPI2Hint ends the error of a request whose answer was not API 2's.
const noAPI2Hint = "Hint: the server may not have API 2 (etcd runs with --enable-v2=false, or is 3.6 or later). " +
	"ETCDCTL_API=3 uses API 3."

// statusNotFound is the text of the client's error for a page that is not there.
// It has no type.
var statusNotFound = fmt.Sprintf("unexpected status code %d", 404)

// hasNoAPI2 tells whether err, which is not nil, may be the answer of a server
// that does not serve API 2: something else than a reply of it. A key or member
// that is not there has a reply.
func hasNoAPI2(err error) bool {
	var all *client.ClusterError
	if errors.As(err, &all) {
		for _, one := range all.Errors {
			if hasNoAPI2(one) {
				return true
			}
		}
		return false
	}
	var notJSON *json.SyntaxError // of a reply about users and roles
	return errors.As(err, &notJSON) || errors.Is(err, client.ErrInvalidJSON) || strings.Contains(err.Error(), statusNotFound)
}

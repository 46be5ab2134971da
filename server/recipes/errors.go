package recipes

import "errors"

// ErrMissingLeaderKey refuses a Proclaim or Resign that does not say what
// leadership it is about. Its text is etcd's, and on the wire.
var ErrMissingLeaderKey = errors.New(`"leader" field must be provided`)

package schema

import "errors"

// ErrMalformed is in the chain of every decoding error: the bytes were not
// written by the encoder of this package.
var ErrMalformed = errors.New("schema: malformed record")

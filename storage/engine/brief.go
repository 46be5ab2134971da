package engine

import "strings"

// brief gives an error of Pebble's a text of one line. Pebble's own text goes on with details that name its types, and
// with the stack.
type brief struct{ err error }

// Error implements error.
func (b brief) Error() string {
	line, _, _ := strings.Cut(b.err.Error(), "\n")
	return line
}

// Unwrap implements errors.
func (b brief) Unwrap() error { return b.err }

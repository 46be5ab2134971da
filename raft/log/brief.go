package log

import "strings"

// brief gives an error of Pebble's a text of one line. Pebble's own text goes on with details that name its types, and
// with the stack.
type brief struct{ err error }

// Error implements error.
func (b brief) Error() string { return firstLine(b.err.Error()) }

// Unwrap implements errors.
func (b brief) Unwrap() error { return b.err }

// firstLine is where Pebble says what is wrong.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

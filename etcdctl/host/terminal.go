package host

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// IsTerminal tells whether a person sees, or types into, the stream.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ReadPassword asks for a line on the terminal and reads it without showing
// it. ok is false, and nothing is asked, if standard input is not a terminal.
func (p Process) ReadPassword(prompt string) (password string, ok bool, err error) {
	f, isFile := p.Stdin.(*os.File)
	if !isFile || !IsTerminal(f) {
		return "", false, nil
	}
	fmt.Fprint(p.Stderr, prompt)
	defer fmt.Fprintln(p.Stderr)
	line, err := term.ReadPassword(int(f.Fd()))
	return string(line), true, err
}

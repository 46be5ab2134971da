package host

import (
	"io"
	"strings"
)

// Process is one run of etcdctl as the operating system started it.
type Process struct {
	Args    []string // without the program's name
	Environ []string // NAME=value

	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Getenv is the value of the variable, empty if it is not set.
func (p Process) Getenv(name string) string {
	value, _ := p.LookupEnv(name)
	return value
}

// LookupEnv is the value of the variable, and whether it is set. The last of
// several settings wins, as in a shell.
func (p Process) LookupEnv(name string) (value string, ok bool) {
	for i := len(p.Environ) - 1; i >= 0; i-- {
		if n, v, found := strings.Cut(p.Environ[i], "="); found && n == name {
			return v, true
		}
	}
	return "", false
}

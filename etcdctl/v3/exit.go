package v3

import (
	"errors"
	"fmt"

	"github.com/petcd/petcd/etcdctl/printer"
)

// The exit codes scripts rely on.
const (
	exitOK            = 0
	exitError         = 1   // the request failed
	exitBadConnection = 2   // no connection, or a lease request failed
	exitInvalidInput  = 3   // txn and watch: what was read from standard input
	exitBadFeature    = 4   // a known flag with a value that is not
	exitInterrupted   = 5   // the server ended a watch, or a snapshot broke off
	exitBadArgs       = 128 // the command was called wrongly
)

// exit is an error with the exit code it stands for. A nil err has been
// reported already: the process ends with the code and without a word.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// badArgs is a call that cannot be understood.
func badArgs(format string, args ...any) error {
	return &exit{exitBadArgs, fmt.Errorf(format, args...)}
}

// badFeature is a flag value that does not exist.
func badFeature(format string, args ...any) error {
	return &exit{exitBadFeature, fmt.Errorf(format, args...)}
}

// invalidInput is a line of standard input that cannot be understood.
func invalidInput(format string, args ...any) error {
	return &exit{exitInvalidInput, fmt.Errorf(format, args...)}
}

// badConnection is a failure of the kind etcdctl reports as one of the
// connection.
func badConnection(err error) error { return &exit{exitBadConnection, err} }

// exitCode is the code err ends the process with.
func exitCode(err error) int {
	var e *exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	case errors.Is(err, printer.ErrUnsupported), errors.Is(err, printer.ErrUnknownFormat):
		return exitBadFeature
	}
	return exitError
}

// reported tells whether err has been shown to the user already.
func reported(err error) bool {
	var e *exit
	return errors.As(err, &e) && e.err == nil
}

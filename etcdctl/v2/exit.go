package v2

import (
	"errors"
	"fmt"
	"io"

	client "go.etcd.io/etcd/client/v2"
)

// The exit codes scripts rely on.
const (
	exitOK            = 0
	exitBadArgs       = 1 // the command was called wrongly; member, user and role: any error
	exitBadConnection = 2 // no endpoint answered when the members were asked for
	exitBadAuth       = 3 // and an unknown command, for which the parser has this code
	exitServerError   = 4 // the request failed
	exitUnhealthy     = 5 // cluster-health: not every member is healthy
)

// exit is an error with the exit code it stands for. A nil err has been
// reported already: the process ends with the code and without a word.
type exit struct {
	code     int
	err      error
	detailed bool // with "Error:" before it, and the errors of all endpoints after it
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// fail is an error in the form that the commands for keys give theirs.
func fail(code int, err error) error { return &exit{code, err, true} }

// badArgs is a call of a command for keys that cannot be understood.
func badArgs(text string) error { return fail(exitBadArgs, errors.New(text)) }

// plain is an error that is shown as it is. The commands for members, users and
// roles give theirs this way, and with one code.
func plain(err error) error { return &exit{exitBadArgs, err, false} }

// silent ends the process with the code after all has been said.
func silent(code int) error { return &exit{code: code} }

// exitCode is the code err ends the process with. An error without one is the
// parser's.
func exitCode(err error) int {
	var e *exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	}
	return exitBadArgs
}

// report shows err, which may be nil, to the user.
func report(w io.Writer, err error) {
	var e *exit
	switch {
	case err == nil:
	case !errors.As(err, &e):
		fmt.Fprintln(w, err)
	case e.err == nil:
	case !e.detailed:
		fmt.Fprintln(w, e.err)
	default:
		fmt.Fprintln(w, "Error: ", e.err)
		var all *client.ClusterError
		if errors.As(e.err, &all) {
			fmt.Fprintln(w, all.Detail())
		}
	}
	if e != nil && e.err != nil && hasNoAPI2(e.err) {
		fmt.Fprintln(w, noAPI2Hint)
	}
}

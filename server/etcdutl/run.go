package etcdutl

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/server/logging"
)

// Process is what the operating system gives one run.
type Process struct {
	Args           []string // without the program's name
	Stdout, Stderr io.Writer
}

// The exit codes scripts rely on.
const (
	exitOK         = 0
	exitError      = 1
	exitBadFeature = 4   // an output format that is not
	exitBadArgs    = 128 // the command was called wrongly
)

// exit is an error with the exit code it stands for.
type exit struct {
	code int
	err  error
}

// Error implements error.
func (e *exit) Error() string { return e.err.Error() }

// Unwrap implements errors.
func (e *exit) Unwrap() error { return e.err }

// badArgs is a call that cannot be understood.
func badArgs(format string, args ...any) error {
	return &exit{exitBadArgs, fmt.Errorf(format, args...)}
}

// Run runs one command and returns the process's exit code.
func Run(p Process) int {
	log, _, err := logging.New(logging.Options{Format: "console", Outputs: []string{"stderr"}, Stderr: p.Stderr})
	if err != nil {
		fmt.Fprintln(p.Stderr, "Error:", err)
		return exitError
	}
	u := &utl{Process: p, log: log}
	root := u.rootCommand()
	root.SilenceUsage = true // cobra would write it to standard output
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	ran, err := root.ExecuteC()
	var e *exit
	switch {
	case err == nil:
		return exitOK
	case !ran.SilenceErrors:
		// cobra has shown its own errors, those of unknown commands and flags.
		fmt.Fprintln(p.Stderr, ran.UsageString())
		return exitError
	}
	fmt.Fprintln(p.Stderr, "Error:", backup.Message(err))
	if errors.As(err, &e) {
		return e.code
	}
	return exitError
}

// utl is one run: the process and the global flags.
type utl struct {
	Process
	log *slog.Logger

	flags globalFlags
}

// run makes f a command's body, whose errors are reported by Run.
func (u *utl) run(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SilenceErrors = true
		return f(cmd, args)
	}
}

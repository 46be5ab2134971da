package v3

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/etcdctl/printer"
)

// Process is what the operating system gives one run of etcdctl.
type Process struct {
	Args    []string // without the program's name
	Environ []string // NAME=value

	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Getenv is the value of the variable, empty if it is not set.
func (p Process) Getenv(name string) string {
	value, _ := p.lookupEnv(name)
	return value
}

func (p Process) lookupEnv(name string) (value string, ok bool) {
	// The last of several settings wins, as in a shell.
	for i := len(p.Environ) - 1; i >= 0; i-- {
		if n, v, found := strings.Cut(p.Environ[i], "="); found && n == name {
			return v, true
		}
	}
	return "", false
}

// Run runs one command and returns the process's exit code.
func Run(p Process) int {
	c := &ctl{Process: p}
	defer c.close()
	root := c.rootCommand()
	root.SilenceUsage = true // cobra would write it to standard output
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	ran, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	switch {
	case !ran.SilenceErrors:
		// cobra has shown its own errors, those of unknown commands and flags.
		// The commands' errors it was told to leave alone.
		if !explainUnknown(p.Stderr, err) {
			fmt.Fprintln(p.Stderr, ran.UsageString())
		}
	case !reported(err):
		fmt.Fprintln(p.Stderr, "Error:", err)
	}
	return exitCode(err)
}

// ctl is one run: the process, the global flags and what has been opened.
type ctl struct {
	Process
	flags globalFlags

	show   printer.Printer // nil until the flags are complete
	opened []io.Closer     // closed in reverse when the run ends
}

// close gives back what the command opened. The run is over: an error could
// change nothing.
func (c *ctl) close() {
	for i := len(c.opened) - 1; i >= 0; i-- {
		_ = c.opened[i].Close()
	}
}

// run makes f a command's body, whose errors are reported by Run.
func (c *ctl) run(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SilenceErrors = true
		return f(cmd, args)
	}
}

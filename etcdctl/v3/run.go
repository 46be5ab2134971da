package v3

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/etcdctl/host"
	"github.com/petcd/petcd/etcdctl/printer"
)

// Run runs one command and returns the process's exit code.
func Run(p host.Process) int {
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
		if !unknownCommand(err) {
			fmt.Fprintln(p.Stderr, ran.UsageString())
		}
	case !reported(err):
		fmt.Fprintln(p.Stderr, "Error:", err)
	}
	return exitCode(err)
}

// unknownCommand tells whether err is about a command that does not exist, for
// which there is no usage to show. cobra shows only by the error's text what it
// is about.
func unknownCommand(err error) bool { return strings.HasPrefix(err.Error(), `unknown command "`) }

// ctl is one run: the process, the global flags and what has been opened.
type ctl struct {
	host.Process
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

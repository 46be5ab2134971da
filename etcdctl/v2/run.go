package v2

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli"

	"github.com/petcd/petcd/etcdctl/host"
)

// Run runs one command and returns the process's exit code.
func Run(p host.Process) int {
	c := &ctl{Process: p}
	if c.complete() {
		return exitOK
	}
	err := parse(c.app(), p.Args)
	if err == nil && c.unknown != "" {
		err = &exit{code: exitBadAuth, err: errors.New("No help topic for '" + c.unknown + "'")}
	}
	report(p.Stderr, err)
	return exitCode(err)
}

// parse gives the arguments to the parser, which runs the command.
func parse(app *cli.App, args []string) error {
	return app.Run(append([]string{name}, arrange(app, args)...))
}

// Check tells why API 2 cannot understand a call: an unknown command or flag, or
// a value that a flag cannot have. It runs nothing and writes nothing.
func Check(args []string) error {
	c := &ctl{Process: host.Process{Stdout: io.Discard, Stderr: io.Discard}}
	app := c.app()
	app.Before = nil
	parseOnly(app.Commands)
	if err := parse(app, args); err != nil {
		return err
	}
	if c.unknown != "" {
		return fmt.Errorf("unknown command %q", c.unknown)
	}
	return nil
}

// parseOnly takes from the commands what they do. Those with subcommands do
// nothing themselves.
func parseOnly(commands []cli.Command) {
	for i := range commands {
		if len(commands[i].Subcommands) > 0 {
			parseOnly(commands[i].Subcommands)
			continue
		}
		commands[i].Action = func(*cli.Context) error { return nil }
	}
}

// ctl is one run: the process, and the global flags once they are read.
type ctl struct {
	host.Process
	flags globalFlags

	unknown string // the command that does not exist, if one was called
}

// println writes one line of a result.
func (c *ctl) println(a ...any) { fmt.Fprintln(c.Stdout, a...) }

// printf writes a piece of a result.
func (c *ctl) printf(format string, a ...any) { fmt.Fprintf(c.Stdout, format, a...) }

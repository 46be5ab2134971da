package v3

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/petcd/petcd/etcdctl/host"
)

// checkFirstFlags tells which of the flags before the command does not exist.
// cobra takes such a flag for one with a value, and what follows for that.
func checkFirstFlags(args []string) error {
	c := &ctl{Process: host.Process{Stdout: io.Discard, Stderr: io.Discard}}
	flags := c.rootCommand().PersistentFlags()
	flags.SetInterspersed(false)
	flags.SetOutput(io.Discard)
	flags.BoolP("help", "h", false, "")
	var unknown *pflag.NotExistError
	if err := flags.Parse(args); errors.As(err, &unknown) {
		return err
	}
	return nil
}

// Check tells why API 3 cannot understand a call: an unknown command or flag, or
// a value that a flag cannot have. It runs nothing and writes nothing.
func Check(args []string) error {
	c := &ctl{Process: host.Process{Stdout: io.Discard, Stderr: io.Discard}}
	root := c.rootCommand()
	root.InitDefaultHelpCmd()
	if err := checkFirstFlags(args); err != nil {
		return err
	}
	cmd, rest, err := root.Find(args)
	if err != nil {
		said, _, _ := strings.Cut(err.Error(), "\n") // without the guesses after it
		return errors.New(said)
	}
	if cmd.Name() == "help" {
		return Check(rest)
	}
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	if err := cmd.ParseFlags(rest); err != nil && !errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if words := cmd.Flags().Args(); !cmd.Runnable() && cmd.HasParent() && len(words) > 0 {
		return fmt.Errorf("unknown command %q for %q", words[0], cmd.CommandPath())
	}
	return nil
}

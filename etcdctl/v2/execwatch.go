package v2

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) execWatchCommand() cli.Command {
	return cli.Command{
		Name:      "exec-watch",
		Usage:     "watch a key for changes and run a command at each",
		ArgsUsage: "<key> -- <command> [args...]",
		Description: `Runs the command at each change, without waiting for the one before, with what
   happened in the variables ETCD_WATCH_ACTION, ETCD_WATCH_KEY, ETCD_WATCH_VALUE
   and ETCD_WATCH_MODIFIED_INDEX.`,
		Flags:  watchFlags(),
		Action: c.execWatch,
	}
}

func (c *ctl) execWatch(call *cli.Context) error {
	if call.NArg() < 2 {
		return badArgs("key and command to exec required")
	}
	key, command := call.Args().First(), call.Args().Tail()
	return c.eachChange(call, key, func(change *client.Response) (more bool, err error) {
		if change.Node.Dir {
			fmt.Fprintf(c.Stderr, "Ignored dir %s change\n", change.Node.Key)
			return true, nil
		}
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(slices.Clone(c.Environ), changeVariables(change)...)
		cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
		if err := cmd.Start(); err != nil {
			return false, plain(err)
		}
		go func() { _ = cmd.Wait() }() // how it ends is its own affair
		return true, nil
	})
}

// changeVariables tell the command what happened.
func changeVariables(change *client.Response) []string {
	return []string{
		"ETCD_WATCH_ACTION=" + change.Action,
		"ETCD_WATCH_MODIFIED_INDEX=" + strconv.FormatUint(change.Node.ModifiedIndex, 10),
		"ETCD_WATCH_KEY=" + change.Node.Key,
		"ETCD_WATCH_VALUE=" + change.Node.Value,
	}
}

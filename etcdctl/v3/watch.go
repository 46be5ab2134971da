package v3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func (c *ctl) watchCommand() *cobra.Command {
	var flags watchFlags
	cmd := &cobra.Command{
		Use:   "watch [options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
		Short: "Shows what happens to a key or a range of keys",
		Long: `Shows what happens to a key or a range of keys, or runs a command for every event.

The command finds the event in ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE,
ETCD_WATCH_KEY and ETCD_WATCH_VALUE. The key and range can also be given by
ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END.

With --interactive, lines of standard input are watches of their own:

  watch [options] <key or prefix> [range_end]
  progress`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.watch(cmd, args, &flags)
		}),
	}
	flags.register(cmd.Flags())
	return cmd
}

func (c *ctl) watch(cmd *cobra.Command, args []string, flags *watchFlags) error {
	env := watchEnv{key: c.Getenv("ETCDCTL_WATCH_KEY"), rangeEnd: c.Getenv("ETCDCTL_WATCH_RANGE_END")}
	if env.key == "" && env.rangeEnd != "" {
		return badArgs("ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=%q", env.rangeEnd)
	}
	if flags.interactive {
		return c.watchInteractive(cmd, env)
	}
	target, err := env.target(args, cmd.ArgsLenAtDash())
	if err != nil {
		return &exit{exitBadArgs, err}
	}
	key, opts, err := flags.options(target)
	if err != nil {
		return &exit{exitBadArgs, err}
	}
	cli, err := c.connect(cmd)
	if err != nil {
		return err
	}
	events := cli.Watch(clientv3.WithRequireLeader(context.Background()), key, opts...)
	if err := c.follow(cli, events, target.exec); err != nil {
		return err
	}
	return &exit{exitInterrupted, errors.New("watch is canceled by the server")}
}

// watchInteractive reads watches from standard input until it ends or one of
// their commands fails. All of them share one stream to the server.
func (c *ctl) watchInteractive(cmd *cobra.Command, env watchEnv) error {
	cli, err := c.connect(cmd)
	if err != nil {
		return err
	}
	c.Stdout = &lockedWriter{w: c.Stdout}
	if c.show, err = c.newPrinter(false); err != nil {
		return err
	}
	lines := make(chan string)
	ended := make(chan error, 1)
	go func() {
		in := bufio.NewReader(c.Stdin)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				ended <- invalidInput("error reading watch request line: %w", err)
				return
			}
			lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	failed := make(chan error, 1)
	for {
		select {
		case err := <-ended:
			return err
		case err := <-failed:
			return err
		case line := <-lines:
			if err := c.watchLine(cli, env, line, failed); err != nil {
				return err
			}
		}
	}
}

// watchLine does what one line of an interactive watch asks for. A line that
// is not understood is only complained about, but wrong arguments end the run.
func (c *ctl) watchLine(cli *clientv3.Client, env watchEnv, line string, failed chan<- error) error {
	complain := func(format string, args ...any) error {
		_, err := fmt.Fprintf(c.Stderr, format, args...)
		return err
	}
	words, err := splitWords(line)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return complain("Invalid command: %s (watch and progress supported)\n", line)
	}
	switch words[0] {
	case "progress":
		return cli.RequestProgress(clientv3.WithRequireLeader(context.Background()))
	case "watch":
	default:
		return complain("Invalid command %s (only support watch)\n", line)
	}
	if len(words) < 2 && env.key == "" {
		return complain("Invalid command %s (command type or key is not provided)\n", line)
	}
	flags, target, err := env.parseWatchLine(words[1:])
	if err != nil {
		return &exit{exitBadArgs, err}
	}
	key, opts, err := flags.options(target)
	if err != nil {
		return complain("Invalid command %s (%v)\n", line, err)
	}
	events := cli.Watch(clientv3.WithRequireLeader(context.Background()), key, opts...)
	go func() {
		if err := c.follow(cli, events, target.exec); err != nil {
			select {
			case failed <- err:
			default: // another watch has failed before
			}
		}
	}()
	return nil
}

// follow shows a watch's responses until the server ends it, and runs the
// command for every event.
func (c *ctl) follow(cli *clientv3.Client, responses clientv3.WatchChan, command []string) error {
	for resp := range responses {
		if resp.Canceled {
			fmt.Fprintf(c.Stderr, "watch was canceled (%v)\n", resp.Err())
		}
		if resp.IsProgressNotify() {
			fmt.Fprintf(c.Stdout, "progress notify: %d\n", resp.Header.GetRevision())
		}
		if err := c.show.Print(&resp); err != nil {
			return err
		}
		if len(command) == 0 {
			continue
		}
		for _, event := range resp.Events {
			if err := c.runForEvent(cli.Ctx(), command, resp.Header.GetRevision(), event); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *ctl) runForEvent(ctx context.Context, command []string, revision int64, event *clientv3.Event) error {
	run := exec.CommandContext(ctx, command[0], command[1:]...)
	run.Env = append(append([]string(nil), c.Environ...),
		fmt.Sprintf("ETCD_WATCH_REVISION=%d", revision),
		fmt.Sprintf("ETCD_WATCH_EVENT_TYPE=%q", event.Type),
		fmt.Sprintf("ETCD_WATCH_KEY=%q", event.Kv.GetKey()),
		fmt.Sprintf("ETCD_WATCH_VALUE=%q", event.Kv.GetValue()),
	)
	run.Stdout, run.Stderr = c.Stdout, c.Stderr
	if err := run.Run(); err != nil {
		fmt.Fprintf(c.Stderr, "command %q error (%v)\n", command, err)
		return &exit{exitError, nil}
	}
	return nil
}

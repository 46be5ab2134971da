package v3

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func (c *ctl) lockCommand() *cobra.Command {
	var ttl int
	cmd := &cobra.Command{
		Use:   "lock <lockname> [exec-command arg1 arg2 ...]",
		Short: "Holds a lock, or runs a command while it holds one",
		Long: `Acquires a lock, shows its key and holds it until it is interrupted.

With a command, the command runs while the lock is held, and its exit code is
etcdctl's. It finds the lock in ETCD_LOCK_KEY and ETCD_LOCK_REV.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return badArgs("lock takes a lock name argument and an optional command to execute")
			}
			cli, err := c.connect(cmd)
			if err != nil {
				return err
			}
			return c.lock(cli, args[0], ttl, args[1:])
		}),
	}
	cmd.Flags().IntVar(&ttl, "ttl", 10, "seconds until the lock is free if this process dies")
	return cmd
}

func (c *ctl) lock(cli *clientv3.Client, name string, ttl int, command []string) error {
	session, err := concurrency.NewSession(cli, concurrency.WithTTL(ttl))
	if err != nil {
		return err
	}
	ctx, stop := interruption()
	defer stop()
	mutex := concurrency.NewMutex(session, name)
	if err := mutex.Lock(ctx); err != nil {
		return err
	}
	if len(command) > 0 {
		err := c.runLocked(mutex, command)
		if unlockErr := mutex.Unlock(context.Background()); err == nil {
			err = unlockErr
		}
		return err
	}
	resp, err := cli.Get(ctx, mutex.Key())
	if err != nil {
		return err
	}
	if len(resp.Kvs) == 0 {
		return errors.New("lock lost on init")
	}
	if err := c.show.Print(resp); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return mutex.Unlock(context.Background())
	case <-session.Done():
		return errors.New("session expired")
	}
}

// runLocked runs the command. If it fails, its exit code becomes etcdctl's.
func (c *ctl) runLocked(mutex *concurrency.Mutex, command []string) error {
	run := exec.Command(command[0], command[1:]...)
	run.Env = append(append([]string(nil), c.Environ...),
		"ETCD_LOCK_KEY="+mutex.Key(),
		fmt.Sprintf("ETCD_LOCK_REV=%d", mutex.Header().GetRevision()),
	)
	run.Stdout, run.Stderr = c.Stdout, c.Stderr
	err := run.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return &exit{ended.ExitCode(), err}
	}
	return err
}

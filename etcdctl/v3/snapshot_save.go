package v3

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/snapshot"

	"github.com/petcd/petcd/server/backup"
)

// The values of --format.
const (
	formatAsSent = "petcd"
	formatEtcd   = "etcd"
)

func (c *ctl) snapshotSaveCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "save <filename>",
		Short: "Saves the state of the one endpoint given to a file",
		Long: `Saves the state of the one endpoint given to a file. The file appears under its
name only when all of it has arrived and is on the disk.

With --format=etcd the file is one that "snapshot restore" of etcd 3.4 to 3.7 takes. Without,
it is as the server sends it: of petcd its own archive, which petcd's tools restore.

There is no time limit unless --command-timeout is given.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot save expects one argument <filename>")
			}
			if format != formatAsSent && format != formatEtcd {
				return badFeature("unsupported snapshot format %q: %s or %s", format, formatAsSent, formatEtcd)
			}
			spec, err := c.clientSpec(cmd)
			if err != nil {
				return err
			}
			cfg, err := clientConfig(spec)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(context.Background())
			if cmd.Flags().Changed("command-timeout") {
				ctx, cancel = c.commandContext()
			}
			defer cancel()
			version, err := c.save(ctx, cfg, args[0], format)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.Stdout, "Snapshot saved at %s\n", args[0])
			if version != "" { // servers before 3.6 do not tell
				fmt.Fprintf(c.Stdout, "Server version %s\n", version)
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&format, "format", formatAsSent, "petcd: as the server sends it; etcd: what etcd's tools restore")
	return cmd
}

// save fetches a snapshot in a format. It returns the server's version.
func (c *ctl) save(ctx context.Context, cfg *clientv3.Config, path, format string) (version string, err error) {
	fetched := path
	if format == formatEtcd {
		fetched = path + ".fetched"
		defer func() {
			if rerr := os.Remove(fetched); !errors.Is(rerr, os.ErrNotExist) {
				err = errors.Join(err, rerr)
			}
		}()
	}
	if version, err = c.fetch(ctx, cfg, fetched); err != nil {
		return "", &exit{exitInterrupted, err}
	}
	if fetched == path {
		return version, nil
	}
	already, err := backup.IsDatabase(fetched) // it came from etcd
	switch {
	case err != nil:
		return "", err
	case already:
		return version, os.Rename(fetched, path)
	}
	left, err := backup.Convert(fetched, path, backup.NewMeter(c.Stderr, "converting"))
	if err == nil {
		left.Warn(c.Stderr)
	}
	return version, err
}

// fetch saves what the server sends.
func (c *ctl) fetch(ctx context.Context, cfg *clientv3.Config, path string) (version string, err error) {
	log, err := clientLogger()
	if err != nil {
		return "", err
	}
	defer c.meterFile(path + ".part")()
	return snapshot.SaveWithVersion(ctx, log, *cfg, path)
}

// meterEvery is how often a growing file is looked at.
const meterEvery = 200 * time.Millisecond

// meterFile shows at a terminal how a file grows, until the function that it
// returns is called. How long it will be nobody says.
func (c *ctl) meterFile(path string) (stop func()) {
	meter := backup.NewMeter(c.Stderr, "saving")
	if meter == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(meterEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if info, err := os.Stat(path); err == nil {
					meter.Set(info.Size())
				}
			case <-done:
				meter.Finish()
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

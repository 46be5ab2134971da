package v2

import (
	"context"
	"errors"

	"github.com/urfave/cli"

	"github.com/petcd/petcd/server/backup"
)

// backupCommand copies a data directory. It is the one command without a server.
func (c *ctl) backupCommand() cli.Command {
	return cli.Command{
		Name:      "backup",
		Usage:     "backup an etcd directory",
		ArgsUsage: " ",
		Description: `Copies a member's data directory, also while the member runs. The copy starts as a new cluster of
   one member, with the tree of API 2 and, with --with-v3, the keys of API 3:

   $ etcdctl backup --data-dir default.etcd --backup-dir saved
   $ etcd --data-dir saved`,
		Flags: []cli.Flag{
			cli.StringFlag{Name: "data-dir", Usage: "Path to the etcd data dir"},
			cli.StringFlag{Name: "wal-dir", Usage: "Path to the etcd wal dir"},
			cli.StringFlag{Name: "backup-dir", Usage: "Path to the backup dir"},
			cli.StringFlag{Name: "backup-wal-dir", Usage: "Path to the backup wal dir"},
			cli.BoolFlag{Name: "with-v3", Usage: "Backup v3 backend data"},
		},
		Action: c.backup,
	}
}

// backup says nothing when it works, as etcdctl.
func (c *ctl) backup(call *cli.Context) error {
	config := backup.DirectoryConfig{
		DataDir: call.String("data-dir"), WALDir: call.String("wal-dir"),
		BackupDir: call.String("backup-dir"), BackupWALDir: call.String("backup-wal-dir"),
		WithV3: call.Bool("with-v3"),
	}
	if config.DataDir == "" || config.BackupDir == "" {
		return plain(errors.New("backup needs --data-dir and --backup-dir"))
	}
	if err := backup.CopyDirectory(context.Background(), config); err != nil {
		return plain(errors.New(backup.Message(err)))
	}
	return nil
}

package etcdutl

import (
	"time"

	"github.com/spf13/cobra"
)

// globalFlags are the flags of every command.
type globalFlags struct {
	format  string
	timeout time.Duration
}

// rootCommand builds the tree of commands.
func (u *utl) rootCommand() *cobra.Command {
	cobra.EnablePrefixMatching = true // `etcdutl snap stat`
	root := &cobra.Command{
		Use:   "etcdutl",
		Short: "A command line for petcd's files: snapshots, and data directories that no server has open.",
	}
	flags := root.PersistentFlags()
	flags.DurationVar(&u.flags.timeout, "timeout", 10*time.Second, "how long to wait for a data directory that a server has locked; 0: for ever")
	flags.StringVarP(&u.flags.format, "write-out", "w", "simple", "output format: fields, json, protobuf, simple, table")
	root.AddCommand(
		u.snapshotCommand(), u.hashKVCommand(), u.defragCommand(), u.migrateCommand(), u.checkCommand(), u.recoverCommand(),
		u.v2Command(),
		u.completionCommand(), u.versionCommand())
	return root
}

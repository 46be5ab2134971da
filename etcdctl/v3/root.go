package v3

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups under which help lists the commands.
const (
	groupKV          = "kv"
	groupCluster     = "cluster maintenance"
	groupConcurrency = "concurrency"
	groupAuth        = "authentication"
	groupUtility     = "utility"
)

// rootCommand builds the whole tree of commands.
func (c *ctl) rootCommand() *cobra.Command {
	cobra.EnablePrefixMatching = true // `etcdctl mem li`
	root := &cobra.Command{
		Use:   "etcdctl",
		Short: "A command line client for petcd and etcd, API version 3.",
	}
	c.flags.register(root.PersistentFlags())
	hideFlags(root)
	root.AddGroup(
		&cobra.Group{ID: groupKV, Title: "Key-value commands"},
		&cobra.Group{ID: groupCluster, Title: "Cluster maintenance commands"},
		&cobra.Group{ID: groupConcurrency, Title: "Concurrency commands"},
		&cobra.Group{ID: groupAuth, Title: "Authentication commands"},
		&cobra.Group{ID: groupUtility, Title: "Utility commands"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	add(groupKV,
		c.getCommand(), c.putCommand(), c.delCommand(), c.txnCommand(),
		c.compactionCommand(), c.watchCommand(), c.leaseCommand())
	add(groupCluster,
		c.endpointCommand(), c.memberCommand(), c.alarmCommand(), c.defragCommand(),
		c.snapshotCommand(), c.moveLeaderCommand(), c.downgradeCommand())
	add(groupConcurrency, c.electCommand(), c.lockCommand())
	add(groupAuth, c.authCommand(), c.userCommand(), c.roleCommand())
	add(groupUtility,
		c.checkCommand(), c.makeMirrorCommand(), c.completionCommand(),
		c.optionsCommand(), c.versionCommand())
	root.SetHelpCommandGroupID(groupUtility)
	return root
}

// hideFlags keeps the global flags out of every command's help, which ends by
// naming the command that lists them.
func hideFlags(root *cobra.Command) {
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	root.InitDefaultHelpFlag()
	root.Flags().Lookup("help").Hidden = true
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		help(cmd, args)
		if cmd == root {
			fmt.Fprint(cmd.OutOrStdout(), switchHelp)
		}
		fmt.Fprintln(cmd.OutOrStdout(), `Use "etcdctl options" for a list of global command-line options (applies to all commands).`)
	})
}

// switchHelp ends the list of commands.
const switchHelp = `
These are the commands of API 3, because ETCDCTL_API is 3. Those of API 2 (set, mk, ls, cluster-health ...) are there
with ETCDCTL_API=2, or without the variable: ETCDCTL_API=2 etcdctl --help lists them.

`

// optionsCommand lists the global flags.
func (c *ctl) optionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "options",
		Short: "Lists the flags every command takes",
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			shown := pflag.NewFlagSet("global", pflag.ContinueOnError)
			cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
				visible := *f
				visible.Hidden = false
				shown.AddFlag(&visible)
			})
			fmt.Fprint(c.Stdout, "The following options can be passed to any command:\n\n")
			fmt.Fprint(c.Stdout, shown.FlagUsages())
			return nil
		}),
	}
}

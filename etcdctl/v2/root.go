package v2

import (
	"fmt"

	"github.com/urfave/cli"
	"go.etcd.io/etcd/api/v3/version"
)

// name is the program's, in help and errors.
const name = "etcdctl"

// app builds the whole tree of commands.
func (c *ctl) app() *cli.App {
	cli.VersionPrinter = func(call *cli.Context) {
		fmt.Fprintf(call.App.Writer, "etcdctl version: %s\nAPI version: 2\n", call.App.Version)
	}
	app := cli.NewApp()
	app.Name, app.HelpName = name, name
	app.Usage = "a command line client for petcd and etcd, API version 2"
	app.Version = version.Version
	app.Writer, app.ErrWriter = c.Stdout, c.Stderr
	app.CustomAppHelpTemplate = cli.AppHelpTemplate + switchHelp
	app.CommandNotFound = func(_ *cli.Context, command string) { c.unknown = command }
	app.Before = func(call *cli.Context) error {
		c.flags = c.readFlags(call)
		return nil
	}
	app.Flags = flagDefinitions()
	app.Commands = []cli.Command{
		c.backupCommand(),
		c.clusterHealthCommand(),
		c.mkCommand(),
		c.mkdirCommand(),
		c.rmCommand(),
		c.rmdirCommand(),
		c.getCommand(),
		c.lsCommand(),
		c.setCommand(),
		c.setdirCommand(),
		c.updateCommand(),
		c.updatedirCommand(),
		c.watchCommand(),
		c.execWatchCommand(),
		c.memberCommand(),
		c.userCommand(),
		c.roleCommand(),
		c.authCommand(),
	}
	keepOrder(app.Commands)
	return app
}

// keepOrder tells the parser to leave the arguments as they are: arrange has put
// them in order.
func keepOrder(commands []cli.Command) {
	for i := range commands {
		commands[i].SkipArgReorder = true
		keepOrder(commands[i].Subcommands)
	}
}

// switchHelp ends the list of commands.
const switchHelp = `
API:
   These are the commands of API 2, which etcdctl uses when ETCDCTL_API is unset or 2.
   Set ETCDCTL_API=3 for API 3, for one command or for the whole shell:

      ETCDCTL_API=3 etcdctl put greeting hello
      export ETCDCTL_API=3

   ETCDCTL_API=3 etcdctl --help lists its commands.
`

package v2

import (
	"context"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) lsCommand() cli.Command {
	return cli.Command{
		Name:      "ls",
		Usage:     "list a directory",
		ArgsUsage: "[key]",
		Flags: []cli.Flag{
			sortFlag(),
			cli.BoolFlag{Name: "recursive, r", Usage: "list the directories in it, too"},
			cli.BoolFlag{Name: "p", Usage: "append a slash to directories"},
			quorumFlag(),
		},
		Action: c.ls,
	}
}

func (c *ctl) ls(call *cli.Context) error {
	key := "/"
	if call.Args().Present() {
		key = call.Args().First()
	}
	reply, err := c.request(func(ctx context.Context, keys client.KeysAPI) (*client.Response, error) {
		return keys.Get(ctx, key, &client.GetOptions{
			Sort:      call.Bool("sort"),
			Recursive: call.Bool("recursive"),
			Quorum:    call.Bool("quorum"),
		})
	})
	if err != nil {
		return err
	}
	if c.flags.output != formatSimple {
		return c.printKey(reply)
	}
	if !reply.Node.Dir {
		c.println(reply.Node.Key)
	}
	slash := ""
	if call.Bool("p") {
		slash = "/"
	}
	c.printTree(reply.Node.Nodes, slash)
	return nil
}

// printTree lists nodes, each before what is in it. Directories end with slash.
func (c *ctl) printTree(nodes client.Nodes, slash string) {
	for _, node := range nodes {
		if node.Dir {
			c.println(node.Key + slash)
		} else {
			c.println(node.Key)
		}
		c.printTree(node.Nodes, slash)
	}
}

package v2

import (
	"context"
	"errors"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) authCommand() cli.Command {
	return cli.Command{
		Name:  "auth",
		Usage: "overall auth controls",
		Subcommands: []cli.Command{
			{
				Name:      "enable",
				Usage:     "turn authentication on; there must be a user root",
				ArgsUsage: " ",
				Action:    func(call *cli.Context) error { return c.authSwitch(call, client.AuthAPI.Enable, "Enabled") },
			},
			{
				Name:      "disable",
				Usage:     "turn authentication off",
				ArgsUsage: " ",
				Action:    func(call *cli.Context) error { return c.authSwitch(call, client.AuthAPI.Disable, "Disabled") },
			},
		},
	}
}

// authSwitch turns authentication on or off.
func (c *ctl) authSwitch(call *cli.Context, turn func(client.AuthAPI, context.Context) error, done string) error {
	if call.NArg() != 0 {
		return plain(errors.New("No arguments accepted"))
	}
	return with(c, client.NewAuthAPI, func(ctx context.Context, api client.AuthAPI) error {
		if err := turn(api, ctx); err != nil {
			return err
		}
		c.println("Authentication " + done)
		return nil
	})
}

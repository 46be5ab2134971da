package v2

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) userCommand() cli.Command {
	rolesFlag := func() []cli.Flag {
		return []cli.Flag{cli.StringSliceFlag{Name: "roles", Value: new(cli.StringSlice), Usage: "a role; may be given more than once"}}
	}
	return cli.Command{
		Name:  "user",
		Usage: "user add, grant and revoke subcommands",
		Subcommands: []cli.Command{
			{
				Name:      "add",
				Usage:     "add a user; without :password after the name it is asked for",
				ArgsUsage: "<user>",
				Action:    c.userAdd,
			},
			{
				Name:      "get",
				Usage:     "show a user's roles",
				ArgsUsage: "<user>",
				Action:    c.userGet,
			},
			{
				Name:      "list",
				Usage:     "list the users",
				ArgsUsage: " ",
				Action:    c.userList,
			},
			{
				Name:      "remove",
				Usage:     "remove a user",
				ArgsUsage: "<user>",
				Action:    c.userRemove,
			},
			{
				Name:      "grant",
				Usage:     "give roles to a user",
				ArgsUsage: "<user>",
				Flags:     rolesFlag(),
				Action:    func(call *cli.Context) error { return c.userRoles(call, client.AuthUserAPI.GrantUser) },
			},
			{
				Name:      "revoke",
				Usage:     "take roles from a user",
				ArgsUsage: "<user>",
				Flags:     rolesFlag(),
				Action:    func(call *cli.Context) error { return c.userRoles(call, client.AuthUserAPI.RevokeUser) },
			},
			{
				Name:      "passwd",
				Usage:     "change a user's password, which is asked for",
				ArgsUsage: "<user>",
				Action:    c.userPasswd,
			},
		},
	}
}

// nameArgument is the one argument that a command about a user or a role has.
func nameArgument(call *cli.Context, what string) (string, error) {
	if call.NArg() != 1 {
		return "", plain(errors.New("Please provide a " + what))
	}
	return call.Args().First(), nil
}

func (c *ctl) userAdd(call *cli.Context) error {
	argument, err := nameArgument(call, "username")
	if err != nil {
		return err
	}
	user, password, given := strings.Cut(argument, ":")
	ask := func() (err error) {
		if !given {
			password, err = c.askPassword("New password: ")
		}
		return err
	}
	return withAsking(c, ask, client.NewAuthUserAPI, func(ctx context.Context, users client.AuthUserAPI) error {
		if err := users.AddUser(ctx, user, password); err != nil {
			return err
		}
		c.printf("User %s created\n", user)
		return nil
	})
}

func (c *ctl) userGet(call *cli.Context) error {
	name, err := nameArgument(call, "username")
	if err != nil {
		return err
	}
	return with(c, client.NewAuthUserAPI, func(ctx context.Context, users client.AuthUserAPI) error {
		user, err := users.GetUser(ctx, name)
		if err != nil {
			return err
		}
		c.printf("User: %s\nRoles: %s\n", user.User, strings.Join(user.Roles, " "))
		return nil
	})
}

func (c *ctl) userList(call *cli.Context) error {
	if call.NArg() != 0 {
		return plain(errors.New("No arguments accepted"))
	}
	return with(c, client.NewAuthUserAPI, func(ctx context.Context, users client.AuthUserAPI) error {
		names, err := users.ListUsers(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			c.println(name)
		}
		return nil
	})
}

func (c *ctl) userRemove(call *cli.Context) error {
	name, err := nameArgument(call, "username")
	if err != nil {
		return err
	}
	return with(c, client.NewAuthUserAPI, func(ctx context.Context, users client.AuthUserAPI) error {
		if err := users.RemoveUser(ctx, name); err != nil {
			return err
		}
		c.printf("User %s removed\n", name)
		return nil
	})
}

// userRoles changes a user's roles.
func (c *ctl) userRoles(call *cli.Context, change func(client.AuthUserAPI, context.Context, string, []string) (*client.User, error)) error {
	roles := call.StringSlice("roles")
	if len(roles) == 0 {
		return plain(errors.New("No roles specified; please use `--roles`"))
	}
	name, err := nameArgument(call, "username")
	if err != nil {
		return err
	}
	return with(c, client.NewAuthUserAPI, func(ctx context.Context, users client.AuthUserAPI) error {
		if _, err := change(users, ctx, name, roles); err != nil {
			return err
		}
		c.printf("User %s updated\n", name)
		return nil
	})
}

func (c *ctl) userPasswd(call *cli.Context) error {
	name, err := nameArgument(call, "username")
	if err != nil {
		return err
	}
	var password string
	ask := func() (err error) {
		password, err = c.askPassword("New password: ")
		return err
	}
	return withAsking(c, ask, client.NewAuthUserAPI, func(ctx context.Context, users client.AuthUserAPI) error {
		if _, err := users.ChangePassword(ctx, name, password); err != nil {
			return err
		}
		c.println("Password updated")
		return nil
	})
}

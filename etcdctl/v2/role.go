package v2

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli"
	"go.etcd.io/etcd/client/pkg/v3/pathutil"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) roleCommand() cli.Command {
	accessFlags := func() []cli.Flag {
		return []cli.Flag{
			cli.StringFlag{Name: "path", Usage: "the key, or the beginning of keys followed by *"},
			cli.BoolFlag{Name: "read", Usage: "access to read alone"},
			cli.BoolFlag{Name: "write", Usage: "access to write alone"},
			cli.BoolFlag{Name: "readwrite, rw", Usage: "access to read and write"},
		}
	}
	return cli.Command{
		Name:  "role",
		Usage: "role add, grant and revoke subcommands",
		Subcommands: []cli.Command{
			{
				Name:      "add",
				Usage:     "add a role, which may do nothing yet",
				ArgsUsage: "<role>",
				Action:    c.roleAdd,
			},
			{
				Name:      "get",
				Usage:     "show what a role may do",
				ArgsUsage: "<role>",
				Action:    c.roleGet,
			},
			{
				Name:      "list",
				Usage:     "list the roles",
				ArgsUsage: " ",
				Action:    c.roleList,
			},
			{
				Name:      "remove",
				Usage:     "remove a role",
				ArgsUsage: "<role>",
				Action:    c.roleRemove,
			},
			{
				Name:      "grant",
				Usage:     "give a role access to keys",
				ArgsUsage: "<role>",
				Flags:     accessFlags(),
				Action:    func(call *cli.Context) error { return c.roleAccess(call, client.AuthRoleAPI.GrantRoleKV) },
			},
			{
				Name:      "revoke",
				Usage:     "take access to keys from a role",
				ArgsUsage: "<role>",
				Flags:     accessFlags(),
				Action:    func(call *cli.Context) error { return c.roleAccess(call, client.AuthRoleAPI.RevokeRoleKV) },
			},
		},
	}
}

func (c *ctl) roleAdd(call *cli.Context) error {
	name, err := nameArgument(call, "role name")
	if err != nil {
		return err
	}
	return with(c, client.NewAuthRoleAPI, func(ctx context.Context, roles client.AuthRoleAPI) error {
		if role, _ := roles.GetRole(ctx, name); role != nil {
			return fmt.Errorf("Role %s already exists", name)
		}
		if err := roles.AddRole(ctx, name); err != nil {
			return err
		}
		c.printf("Role %s created\n", name)
		return nil
	})
}

func (c *ctl) roleGet(call *cli.Context) error {
	name, err := nameArgument(call, "role name")
	if err != nil {
		return err
	}
	return with(c, client.NewAuthRoleAPI, func(ctx context.Context, roles client.AuthRoleAPI) error {
		role, err := roles.GetRole(ctx, name)
		if err != nil {
			return err
		}
		c.printf("Role: %s\nKV Read:\n", role.Role)
		for _, pattern := range role.Permissions.KV.Read {
			c.printf("\t%s\n", pattern)
		}
		c.printf("KV Write:\n")
		for _, pattern := range role.Permissions.KV.Write {
			c.printf("\t%s\n", pattern)
		}
		return nil
	})
}

func (c *ctl) roleList(call *cli.Context) error {
	if call.NArg() != 0 {
		return plain(errors.New("No arguments accepted"))
	}
	return with(c, client.NewAuthRoleAPI, func(ctx context.Context, roles client.AuthRoleAPI) error {
		names, err := roles.ListRoles(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			c.println(name)
		}
		return nil
	})
}

func (c *ctl) roleRemove(call *cli.Context) error {
	name, err := nameArgument(call, "role name")
	if err != nil {
		return err
	}
	return with(c, client.NewAuthRoleAPI, func(ctx context.Context, roles client.AuthRoleAPI) error {
		if err := roles.RemoveRole(ctx, name); err != nil {
			return err
		}
		c.printf("Role %s removed\n", name)
		return nil
	})
}

// roleAccess changes what a role may do with the keys of one pattern.
func (c *ctl) roleAccess(call *cli.Context,
	change func(client.AuthRoleAPI, context.Context, string, []string, client.PermissionType) (*client.Role, error),
) error {
	path := call.String("path")
	if path == "" {
		return plain(errors.New("No path specified; please use `--path`"))
	}
	if canonical := pathutil.CanonicalURLPath(path); canonical != path {
		return plain(fmt.Errorf("Not canonical path; please use `--path=%s`", canonical))
	}
	access, err := accessType(call)
	if err != nil {
		return err
	}
	name, err := nameArgument(call, "role name")
	if err != nil {
		return err
	}
	return with(c, client.NewAuthRoleAPI, func(ctx context.Context, roles client.AuthRoleAPI) error {
		if _, err := change(roles, ctx, name, []string{path}, access); err != nil {
			return err
		}
		c.printf("Role %s updated\n", name)
		return nil
	})
}

// accessType is what exactly one of the flags says.
func accessType(call *cli.Context) (access client.PermissionType, err error) {
	given := 0
	for _, f := range []struct {
		name   string
		access client.PermissionType
	}{
		{"read", client.ReadPermission},
		{"write", client.WritePermission},
		{"readwrite", client.ReadWritePermission},
	} {
		if call.Bool(f.name) {
			access = f.access
			given++
		}
	}
	if given != 1 {
		return 0, plain(errors.New("Please specify exactly one of --read, --write or --readwrite"))
	}
	return access, nil
}

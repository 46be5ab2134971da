package v3

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/etcdctl/printer"
)

func (c *ctl) roleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "role <subcommand>",
		Short: "Manages roles, which are sets of permissions",
	}
	cmd.AddCommand(
		c.roleAction("add", "Creates a role", func(ctx context.Context, cli *clientv3.Client, role string) (any, error) {
			resp, err := cli.RoleAdd(ctx, role)
			return printer.Done{Text: fmt.Sprintf("Role %s created", role), Response: resp}, err
		}),
		c.roleAction("delete", "Deletes a role", func(ctx context.Context, cli *clientv3.Client, role string) (any, error) {
			resp, err := cli.RoleDelete(ctx, role)
			return printer.Done{Text: fmt.Sprintf("Role %s deleted", role), Response: resp}, err
		}),
		c.roleAction("get", "Shows a role's permissions", func(ctx context.Context, cli *clientv3.Client, role string) (any, error) {
			resp, err := cli.RoleGet(ctx, role)
			return printer.RoleGot{Role: role, Response: resp}, err
		}),
		c.roleListCommand(), c.roleGrantCommand(), c.roleRevokeCommand(),
	)
	return cmd
}

func (c *ctl) roleAction(name, short string, act func(ctx context.Context, cli *clientv3.Client, role string) (any, error)) *cobra.Command {
	return &cobra.Command{
		Use:   name + " <role name>",
		Short: short,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("role %s command requires role name as its argument", name)
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				return act(ctx, cli, args[0])
			})
		}),
	}
}

func (c *ctl) roleListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists the roles",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 {
				return badArgs("role list command requires no arguments")
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				return cli.RoleList(ctx)
			})
		}),
	}
}

func (c *ctl) roleGrantCommand() *cobra.Command {
	var prefix, fromKey bool
	cmd := &cobra.Command{
		Use:   "grant-permission [options] <role name> <permission type> <key> [endkey]",
		Short: "Gives a role a permission (read, write or readwrite) on a key or range",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) < 3 {
				return badArgs("role grant command requires role name, permission type, and key [endkey] as its argument")
			}
			kind, err := clientv3.StrToPermissionType(args[1])
			if err != nil {
				return &exit{exitBadArgs, err}
			}
			key, end, err := permissionRange(args[2:], prefix, fromKey)
			if err != nil {
				return err
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.RoleGrantPermission(ctx, args[0], key, end, kind)
				return printer.Done{Text: fmt.Sprintf("Role %s updated", args[0]), Response: resp}, err
			})
		}),
	}
	cmd.Flags().BoolVar(&prefix, "prefix", false, "on all keys that begin with the key")
	cmd.Flags().BoolVar(&fromKey, "from-key", false, "on all keys that are the key or sort after it")
	return cmd
}

func (c *ctl) roleRevokeCommand() *cobra.Command {
	var prefix, fromKey bool
	cmd := &cobra.Command{
		Use:   "revoke-permission <role name> <key> [endkey]",
		Short: "Takes a permission on a key or range from a role",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return badArgs("role revoke-permission command requires role name and key [endkey] as its argument")
			}
			key, end, err := permissionRange(args[1:], prefix, fromKey)
			if err != nil {
				return err
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.RoleRevokePermission(ctx, args[0], key, end)
				return printer.Done{Text: revokedText(args[0], args[1], end), Response: resp}, err
			})
		}),
	}
	cmd.Flags().BoolVar(&prefix, "prefix", false, "on all keys that begin with the key")
	cmd.Flags().BoolVar(&fromKey, "from-key", false, "on all keys that are the key or sort after it")
	return cmd
}

func revokedText(role, key, end string) string {
	switch end {
	case "":
		return fmt.Sprintf("Permission of key %s is revoked from role %s", key, role)
	case "\x00":
		return fmt.Sprintf("Permission of range [%s, <open ended> is revoked from role %s", key, role)
	}
	return fmt.Sprintf("Permission of range [%s, %s) is revoked from role %s", key, end, role)
}

// permissionRange is the range a permission is on. Its end is "\x00" if it is
// open, and empty if it is a single key. The server knows no empty key: there
// the first possible key stands for it.
func permissionRange(args []string, prefix, fromKey bool) (key, end string, err error) {
	key = args[0]
	switch {
	case prefix && fromKey && (len(args) == 1 || key == ""):
		return "", "", badArgs("--from-key and --prefix flags are mutually exclusive")
	case key == "" && (prefix || fromKey):
		return "\x00", "\x00", nil
	case key == "":
		return "\x00", "", nil
	case len(args) == 1 && prefix:
		return key, clientv3.GetPrefixRangeEnd(key), nil
	case len(args) == 1 && fromKey:
		return key, "\x00", nil
	case len(args) == 1:
		return key, "", nil
	case prefix:
		return "", "", badArgs("unexpected endkey argument with --prefix flag")
	case fromKey:
		return "", "", badArgs("unexpected endkey argument with --from-key flag")
	}
	return key, args[1], nil
}

package v3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/etcdctl/printer"
)

func (c *ctl) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user <subcommand>",
		Short: "Manages users and the roles they have",
	}
	cmd.AddCommand(
		c.userAddCommand(), c.userDeleteCommand(), c.userGetCommand(), c.userListCommand(),
		c.userPasswordCommand(), c.userGrantCommand(), c.userRevokeCommand(),
	)
	return cmd
}

func (c *ctl) userAddCommand() *cobra.Command {
	var given string
	var interactive, noPassword bool
	cmd := &cobra.Command{
		Use:   "add <user name or user:password> [options]",
		Short: "Creates a user",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("user add command requires user name as its argument")
			}
			user, password := args[0], given
			if !noPassword && given == "" {
				var found bool
				var err error
				if user, password, found = strings.Cut(args[0], ":"); found && user == "" {
					return badArgs("empty user name is not allowed")
				} else if !found {
					if password, err = c.newPassword(user, interactive); err != nil {
						return err
					}
				}
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.UserAddWithOptions(ctx, user, password, &clientv3.UserAddOptions{NoPassword: noPassword})
				return printer.Done{Text: fmt.Sprintf("User %s created", user), Response: resp}, err
			})
		}),
	}
	cmd.Flags().BoolVar(&interactive, "interactive", true, "ask for the password on the terminal; false: read it from standard input")
	cmd.Flags().StringVar(&given, "new-user-password", "", "the password, readable for everyone who sees the processes")
	cmd.Flags().BoolVar(&noPassword, "no-password", false, "a user who is known by a certificate's common name only")
	return cmd
}

func (c *ctl) userDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "delete <user name>",
		Short: "Deletes a user",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("user delete command requires user name as its argument")
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.UserDelete(ctx, args[0])
				return printer.Done{Text: fmt.Sprintf("User %s deleted", args[0]), Response: resp}, err
			})
		}),
	}
}

func (c *ctl) userGetCommand() *cobra.Command {
	var detail bool
	cmd := &cobra.Command{
		Use:   "get <user name> [options]",
		Short: "Shows a user's roles",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("user get command requires user name as its argument")
			}
			cli, err := c.connect(cmd)
			if err != nil {
				return err
			}
			ctx, cancel := c.commandContext()
			defer cancel()
			resp, err := cli.UserGet(ctx, args[0])
			if err != nil {
				return err
			}
			if !detail {
				return c.show.Print(printer.UserGot{User: args[0], Response: resp})
			}
			fmt.Fprintf(c.Stdout, "User: %s\n", args[0])
			for _, role := range resp.Roles {
				fmt.Fprintln(c.Stdout)
				perms, err := cli.RoleGet(ctx, role)
				if err != nil {
					return err
				}
				if err := c.show.Print(printer.RoleGot{Role: role, Response: perms}); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&detail, "detail", false, "show the permissions of the roles too")
	return cmd
}

func (c *ctl) userListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists the users",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 {
				return badArgs("user list command requires no arguments")
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				return cli.UserList(ctx)
			})
		}),
	}
}

func (c *ctl) userPasswordCommand() *cobra.Command {
	var interactive bool
	cmd := &cobra.Command{
		Use:   "passwd <user name> [options]",
		Short: "Changes a user's password",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("user passwd command requires user name as its argument")
			}
			password, err := c.newPassword(args[0], interactive)
			if err != nil {
				return err
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.UserChangePassword(ctx, args[0], password)
				return printer.Done{Text: "Password updated", Response: resp}, err
			})
		}),
	}
	cmd.Flags().BoolVar(&interactive, "interactive", true, "ask for the password on the terminal; false: read it from standard input")
	return cmd
}

func (c *ctl) userGrantCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "grant-role <user name> <role name>",
		Short: "Gives a user a role",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return badArgs("user grant command requires user name and role name as its argument")
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.UserGrantRole(ctx, args[0], args[1])
				return printer.Done{Text: fmt.Sprintf("Role %s is granted to user %s", args[1], args[0]), Response: resp}, err
			})
		}),
	}
}

func (c *ctl) userRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke-role <user name> <role name>",
		Short: "Takes a role from a user",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return badArgs("user revoke-role requires user name and role name as its argument")
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.UserRevokeRole(ctx, args[0], args[1])
				return printer.Done{Text: fmt.Sprintf("Role %s is revoked from user %s", args[1], args[0]), Response: resp}, err
			})
		}),
	}
}

// newPassword is the first word of standard input or, interactively, what was
// typed twice without being shown.
func (c *ctl) newPassword(user string, interactive bool) (string, error) {
	if !interactive {
		words := bufio.NewScanner(c.Stdin)
		words.Split(bufio.ScanWords)
		words.Scan()
		return words.Text(), words.Err()
	}
	first, err := c.askPassword(fmt.Sprintf("Password of %s: ", user))
	if err != nil {
		return "", badArgs("failed to ask password: %w", err)
	}
	if first == "" {
		return "", badArgs("empty password")
	}
	second, err := c.askPassword(fmt.Sprintf("Type password of %s again for confirmation: ", user))
	if err != nil {
		return "", badArgs("failed to ask password: %w", err)
	}
	if first != second {
		return "", &exit{exitBadArgs, errors.New("given passwords are different")}
	}
	return first, nil
}

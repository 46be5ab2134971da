package v3

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/etcdctl/printer"
)

func (c *ctl) memberCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "member <subcommand>",
		Short: "Lists and changes the members of the cluster",
	}
	cmd.AddCommand(
		c.memberAddCommand(), c.memberRemoveCommand(), c.memberUpdateCommand(),
		c.memberListCommand(), c.memberPromoteCommand(),
	)
	return cmd
}

func (c *ctl) memberAddCommand() *cobra.Command {
	var peerURLs string
	var learner bool
	cmd := &cobra.Command{
		Use:   "add <memberName> [options]",
		Short: "Adds a member, to be started afterwards",
		Long: `Adds a member, to be started afterwards with the settings that are printed.

A learner does not vote. Add it as one, let it catch up, then promote it: so the
cluster never waits for a member that is still empty.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return badArgs("member name not provided")
			case len(args) > 1:
				return badArgs("%s", tooManyNames(args))
			case peerURLs == "":
				return badArgs("member peer urls not provided")
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				add := cli.MemberAdd
				if learner {
					add = cli.MemberAddAsLearner
				}
				resp, err := add(ctx, strings.Split(peerURLs, ","))
				return printer.MemberAdded{Response: resp, Name: args[0], PeerURLs: peerURLs}, err
			})
		}),
	}
	cmd.Flags().StringVar(&peerURLs, "peer-urls", "", "the new member's peer URLs, separated by commas")
	cmd.Flags().BoolVar(&learner, "learner", false, "add it as a learner")
	return cmd
}

// tooManyNames guesses that a URL among the names was meant for --peer-urls.
func tooManyNames(args []string) string {
	text := "too many arguments"
	for _, a := range args {
		if strings.HasPrefix(strings.ToLower(a), "http") {
			text += ", did you mean --peer-urls=" + a
		}
	}
	return text
}

func (c *ctl) memberRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove <memberID>",
		Short: "Removes a member, which then stops for good",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			id, err := oneMemberID(args)
			if err != nil {
				return err
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.MemberRemove(ctx, id)
				if err != nil {
					return nil, err
				}
				text := fmt.Sprintf("Member %16x removed from cluster %16x", id, resp.Header.GetClusterId())
				return printer.Done{Text: text, Response: resp}, nil
			})
		}),
	}
}

func (c *ctl) memberUpdateCommand() *cobra.Command {
	var peerURLs string
	cmd := &cobra.Command{
		Use:   "update <memberID> [options]",
		Short: "Changes a member's peer URLs",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			id, err := oneMemberID(args)
			if err != nil {
				return err
			}
			if peerURLs == "" {
				return badArgs("member peer urls not provided")
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.MemberUpdate(ctx, id, strings.Split(peerURLs, ","))
				if err != nil {
					return nil, err
				}
				text := fmt.Sprintf("Member %16x updated in cluster %16x", id, resp.Header.GetClusterId())
				return printer.Done{Text: text, Response: resp}, nil
			})
		}),
	}
	cmd.Flags().StringVar(&peerURLs, "peer-urls", "", "the member's new peer URLs, separated by commas")
	return cmd
}

func (c *ctl) memberListCommand() *cobra.Command {
	var consistency string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Lists the members",
		Long: `Lists the members.

The simple format is a line of: ID, status, name, peer URLs, client URLs, is
learner. A member that has never run is unstarted and has no name.`,
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			stale, err := serializable(consistency)
			if err != nil {
				return err
			}
			var opts []clientv3.OpOption
			if stale {
				opts = append(opts, clientv3.WithSerializable())
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				return cli.MemberList(ctx, opts...)
			})
		}),
	}
	cmd.Flags().StringVar(&consistency, "consistency", "l", "l: linearizable, s: serializable (as this member knows it)")
	return cmd
}

func (c *ctl) memberPromoteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "promote <memberID>",
		Short: "Makes a learner that has caught up a voting member",
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			id, err := oneMemberID(args)
			if err != nil {
				return err
			}
			return c.request(cmd, func(ctx context.Context, cli *clientv3.Client) (any, error) {
				resp, err := cli.MemberPromote(ctx, id)
				if err != nil {
					return nil, err
				}
				text := fmt.Sprintf("Member %16x promoted in cluster %16x", id, resp.Header.GetClusterId())
				return printer.Done{Text: text, Response: resp}, nil
			})
		}),
	}
}

func oneMemberID(args []string) (uint64, error) {
	if len(args) != 1 {
		return 0, badArgs("member ID is not provided")
	}
	return parseMemberID(args[0])
}

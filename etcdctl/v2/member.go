package v2

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

func (c *ctl) memberCommand() cli.Command {
	return cli.Command{
		Name:  "member",
		Usage: "member add, remove, update and list subcommands",
		Subcommands: []cli.Command{
			{
				Name:      "list",
				Usage:     "list the cluster's members",
				ArgsUsage: " ",
				Action:    c.memberList,
			},
			{
				Name:      "add",
				Usage:     "add a new member, to be started afterwards",
				ArgsUsage: "<name> <peerURL>",
				Action:    c.memberAdd,
			},
			{
				Name:      "remove",
				Usage:     "remove a member, which then stops for good",
				ArgsUsage: "<memberID>",
				Action:    c.memberRemove,
			},
			{
				Name:      "update",
				Usage:     "change a member's peer URLs",
				ArgsUsage: "<memberID> <peerURLs>",
				Action:    c.memberUpdate,
			},
		},
	}
}

func (c *ctl) memberList(call *cli.Context) error {
	if call.NArg() != 0 {
		return plain(errors.New("No arguments accepted"))
	}
	return with(c, client.NewMembersAPI, func(ctx context.Context, api client.MembersAPI) error {
		members, err := api.List(ctx)
		if err != nil {
			return err
		}
		leader, err := api.Leader(ctx)
		if err != nil {
			return fmt.Errorf("Failed to get leader:  %w", err)
		}
		for _, m := range members {
			peers := strings.Join(m.PeerURLs, ",")
			if m.Name == "" {
				c.printf("%s[unstarted]: peerURLs=%s\n", m.ID, peers)
				continue
			}
			c.printf("%s: name=%s peerURLs=%s clientURLs=%s isLeader=%v\n",
				m.ID, m.Name, peers, strings.Join(m.ClientURLs, ","), m.ID == leader.ID)
		}
		return nil
	})
}

func (c *ctl) memberAdd(call *cli.Context) error {
	if call.NArg() != 2 {
		return plain(errors.New("Provide a name and a single member peerURL"))
	}
	name, url := call.Args().Get(0), call.Args().Get(1)
	return with(c, client.NewMembersAPI, func(ctx context.Context, api client.MembersAPI) error {
		added, err := api.Add(ctx, url)
		if err != nil {
			return err
		}
		c.printf("Added member named %s with ID %s to cluster\n", name, added.ID)
		members, err := api.List(ctx)
		if err != nil {
			return err
		}
		c.printf("\nETCD_NAME=%q\n", name)
		c.printf("ETCD_INITIAL_CLUSTER=%q\n", initialCluster(members, added.ID, name))
		c.printf("ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n")
		return nil
	})
}

// initialCluster is what the added member has to be started with. It has no
// name yet in the list.
func initialCluster(members []client.Member, added, name string) string {
	var cluster []string
	for _, m := range members {
		if m.ID == added {
			m.Name = name
		}
		for _, url := range m.PeerURLs {
			cluster = append(cluster, m.Name+"="+url)
		}
	}
	return strings.Join(cluster, ",")
}

func (c *ctl) memberRemove(call *cli.Context) error {
	if call.NArg() != 1 {
		return plain(errors.New("Provide a single member ID"))
	}
	id := call.Args().First()
	return with(c, client.NewMembersAPI, func(ctx context.Context, api client.MembersAPI) error {
		members, err := api.List(ctx)
		if err != nil {
			return fmt.Errorf("Error while verifying ID against known members: %w", err)
		}
		found := false
		for _, m := range members {
			found = found || m.ID == id
			if m.Name == id {
				fmt.Fprintf(c.Stderr, "Found a member named %s; if this is correct, please use its ID, eg:\n"+
					"\tetcdctl member remove %s\n\n", m.Name, m.ID)
			}
		}
		if !found {
			return fmt.Errorf("Couldn't find a member in the cluster with an ID of %s.", id)
		}
		if err := api.Remove(ctx, id); err != nil {
			return fmt.Errorf("Received an error trying to remove member %s: %w", id, err)
		}
		c.printf("Removed member %s from cluster\n", id)
		return nil
	})
}

func (c *ctl) memberUpdate(call *cli.Context) error {
	if call.NArg() != 2 {
		return plain(errors.New("Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)"))
	}
	id, urls := call.Args().Get(0), strings.Split(call.Args().Get(1), ",")
	return with(c, client.NewMembersAPI, func(ctx context.Context, api client.MembersAPI) error {
		if err := api.Update(ctx, id, urls); err != nil {
			return err
		}
		c.printf("Updated member with ID %s in cluster\n", id)
		return nil
	})
}

package v3

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/etcdctl/printer"
)

func (c *ctl) endpointCommand() *cobra.Command {
	var cluster bool
	cmd := &cobra.Command{
		Use:   "endpoint <subcommand>",
		Short: "Shows health, status and hash of single members",
	}
	cmd.PersistentFlags().BoolVar(&cluster, "cluster", false, "ask all endpoints of the member list")
	cmd.AddCommand(
		c.endpointHealthCommand(&cluster), c.endpointStatusCommand(&cluster), c.endpointHashKVCommand(&cluster),
	)
	return cmd
}

func (c *ctl) endpointHealthCommand(cluster *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Asks each endpoint for a linearizable read, and for alarms",
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			spec, err := c.clientSpec(cmd)
			if err != nil {
				return err
			}
			endpoints, err := c.eachEndpoint(spec, *cluster)
			if err != nil {
				return err
			}
			var checks sync.WaitGroup
			checked := make(chan printer.EndpointHealth, len(endpoints))
			for _, e := range endpoints {
				cli, err := c.openOne(spec, e)
				if err != nil {
					return err
				}
				checks.Go(func() { checked <- c.checkHealth(cli, e) })
			}
			checks.Wait()
			close(checked)

			var all []printer.EndpointHealth
			unhealthy := false
			for h := range checked {
				all = append(all, h)
				unhealthy = unhealthy || h.Error != ""
			}
			if err := c.show.Print(all); err != nil {
				return err
			}
			if unhealthy {
				return errors.New("unhealthy cluster")
			}
			return nil
		}),
	}
}

// checkHealth reads a key through the endpoint. Being refused the key is
// health too: the refusal went through consensus.
func (c *ctl) checkHealth(cli *clientv3.Client, endpoint string) printer.EndpointHealth {
	ctx, cancel := c.commandContext()
	defer cancel()
	start := time.Now()
	_, err := cli.Get(ctx, "health")
	h := printer.EndpointHealth{Endpoint: endpoint, Took: time.Since(start).String()}
	if err != nil && !errors.Is(err, rpctypes.ErrPermissionDenied) {
		h.Error = err.Error()
		return h
	}
	resp, err := cli.AlarmList(ctx)
	switch {
	case err != nil:
		h.Error = "Unable to fetch the alarm list"
	case len(resp.Alarms) > 0:
		h.Error = "Active Alarm(s): "
		for _, a := range resp.Alarms {
			switch a.GetAlarm() {
			case pb.AlarmType_NOSPACE, pb.AlarmType_CORRUPT:
				h.Error += a.GetAlarm().String() + " "
			default:
				h.Error += "UNKNOWN "
			}
		}
	default:
		h.Health = true
	}
	return h
}

func (c *ctl) endpointStatusCommand(cluster *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Shows what each endpoint says about its member",
		Long: `Shows what each endpoint says about its member.

The simple format is a line of: endpoint, ID, version, storage version, size of
the store, size in use, part not in use, quota, is leader, is learner, raft
term, raft index, raft applied index, errors, downgrade target version,
downgrade enabled.`,
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			var all []printer.EndpointStatus
			failed, err := c.forEndpoints(cmd, cluster, func(cli *clientv3.Client, endpoint string) error {
				ctx, cancel := c.commandContext()
				defer cancel()
				resp, err := cli.Status(ctx, endpoint)
				if err != nil {
					fmt.Fprintf(c.Stderr, "Failed to get the status of endpoint %s (%v)\n", endpoint, err)
					return err
				}
				all = append(all, printer.EndpointStatus{Endpoint: endpoint, Status: resp})
				return nil
			})
			if err != nil {
				return err
			}
			if err := c.show.Print(all); err != nil {
				return err
			}
			if failed != nil {
				return &exit{exitError, nil}
			}
			return nil
		}),
	}
}

func (c *ctl) endpointHashKVCommand(cluster *bool) *cobra.Command {
	var rev int64
	cmd := &cobra.Command{
		Use:   "hashkv",
		Short: "Shows each endpoint's hash over the history of the keys",
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			var all []printer.EndpointHash
			failed, err := c.forEndpoints(cmd, cluster, func(cli *clientv3.Client, endpoint string) error {
				ctx, cancel := c.commandContext()
				defer cancel()
				resp, err := cli.HashKV(ctx, endpoint, rev)
				if err != nil {
					fmt.Fprintf(c.Stderr, "Failed to get the hash of endpoint %s (%v)\n", endpoint, err)
					return err
				}
				all = append(all, printer.EndpointHash{Endpoint: endpoint, HashKV: resp})
				return nil
			})
			if err != nil {
				return err
			}
			if err := c.show.Print(all); err != nil {
				return err
			}
			return failed
		}),
	}
	cmd.PersistentFlags().Int64Var(&rev, "rev", 0, "hash up to this revision (0: the newest)")
	return cmd
}

// forEndpoints calls f with a client of each endpoint in turn. It goes on after
// a failure; failed is the last one's error.
func (c *ctl) forEndpoints(cmd *cobra.Command, cluster *bool, f func(cli *clientv3.Client, endpoint string) error) (failed, err error) {
	spec, err := c.clientSpec(cmd)
	if err != nil {
		return nil, err
	}
	endpoints, err := c.eachEndpoint(spec, *cluster) // which the environment may have set just now
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		cli, err := c.openOne(spec, e)
		if err != nil {
			return nil, err
		}
		if err := f(cli, e); err != nil {
			failed = err
		}
	}
	return failed, nil
}

// openOne opens a client of a single endpoint.
func (c *ctl) openOne(spec *clientv3.ConfigSpec, endpoint string) (*clientv3.Client, error) {
	one := spec.Clone()
	one.Endpoints = []string{endpoint}
	return c.open(one)
}

// eachEndpoint lists the endpoints to ask one by one: those given or, with
// --cluster, the client URLs in the member list.
func (c *ctl) eachEndpoint(spec *clientv3.ConfigSpec, cluster bool) ([]string, error) {
	if !cluster {
		return spec.Endpoints, nil
	}
	cli, err := c.open(spec)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.commandContext()
	defer cancel()
	resp, err := cli.MemberList(ctx)
	if err != nil {
		return nil, fmt.Errorf("failed to fetch endpoints from etcd cluster member list: %w", err)
	}
	var endpoints []string
	for _, m := range resp.Members {
		endpoints = append(endpoints, m.GetClientURLs()...)
	}
	return endpoints, nil
}

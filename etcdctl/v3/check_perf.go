package v3

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/time/rate"
)

// perfLoads are the loads of `check perf`: so many puts a second, sent by so
// many clients.
var perfLoads = map[string]struct{ puts, clients int }{
	"s":  {150, 50},
	"m":  {1000, 200},
	"l":  {8000, 500},
	"xl": {15000, 1000},
}

const (
	perfDuration  = time.Minute
	perfKeySize   = 256
	perfValueSize = 1024

	// The check fails below this part of the wanted rate, and above these
	// times (in seconds) of the slowest put and of the standard deviation.
	perfRateMin    = 0.9
	perfSlowestMax = 0.5
	perfStddevMax  = 0.1
)

func (c *ctl) checkPerfCommand() *cobra.Command {
	var flags checkFlags
	cmd := &cobra.Command{
		Use:   "perf [options]",
		Short: "Writes for a minute at a fixed rate and judges rate and latency",
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			size, err := flags.size()
			if err != nil {
				return err
			}
			load := perfLoads[size]
			spec, err := c.clientSpec(cmd)
			if err != nil {
				return err
			}
			clients, err := c.openMany(spec, load.clients)
			if err != nil {
				return err
			}
			m, err := c.perf(clients, &flags, load.puts)
			if err != nil {
				return err
			}
			if err := c.cleanUp(clients[0], &flags); err != nil {
				fmt.Fprintf(c.Stdout, "FAIL: %v\n", err)
			}
			return c.judge(m, load.puts)
		}),
	}
	flags.register(cmd, "/etcdctl-check-perf/")
	return cmd
}

// perf puts at the wanted rate until the time is over or somebody interrupts.
func (c *ctl) perf(clients []*clientv3.Client, flags *checkFlags, puts int) (*measured, error) {
	interrupted, stop := interruption()
	defer stop()
	ctx, cancel := context.WithTimeout(interrupted, perfDuration)
	defer cancel()
	if err := flags.requireEmpty(ctx, clients[0]); err != nil {
		return nil, err
	}
	ops := make(chan clientv3.Op, len(clients))
	go func() {
		defer close(ops)
		value := string(make([]byte, perfValueSize))
		pace := rate.NewLimiter(rate.Limit(puts), 1)
		for pace.Wait(ctx) == nil {
			ops <- clientv3.OpPut(flags.randomKey(perfKeySize), value)
		}
	}()
	shown := c.newProgress(puts * int(perfDuration.Seconds()))
	m := drive(clients, ops, func() { shown.add(1) })
	shown.finish()
	return m, nil
}

// judge tells whether the cluster kept up.
func (c *ctl) judge(m *measured, wanted int) error {
	ok := !c.reportErrors(m)
	verdict := func(good bool, pass, fail string, figure any) {
		text := pass
		if !good {
			ok, text = false, fail
		}
		fmt.Fprintf(c.Stdout, text+"\n", figure)
	}
	verdict(m.perSecond()/float64(wanted) > perfRateMin,
		"PASS: Throughput is %d writes/s", "FAIL: Throughput too low: %d writes/s", int(m.perSecond())+1)
	verdict(m.slowest() <= perfSlowestMax,
		"PASS: Slowest request took %fs", "Slowest request took too long: %fs", m.slowest())
	verdict(m.stddev() <= perfStddevMax,
		"PASS: Stddev is %fs", "Stddev too high: %fs", m.stddev())
	if !ok {
		fmt.Fprintln(c.Stdout, "FAIL")
		return &exit{exitError, nil}
	}
	fmt.Fprintln(c.Stdout, "PASS")
	return nil
}

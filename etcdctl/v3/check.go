package v3

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"sync"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func (c *ctl) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check <subcommand>",
		Short: "Measures whether the cluster bears a load",
	}
	cmd.AddCommand(c.checkPerfCommand(), c.checkDatascaleCommand())
	return cmd
}

// checkFlags are the flags the checks share.
type checkFlags struct {
	load        string
	prefix      string
	autoCompact bool
	autoDefrag  bool
}

func (f *checkFlags) register(cmd *cobra.Command, prefix string) {
	fs := cmd.Flags()
	fs.StringVar(&f.load, "load", "s", "size of the load: s(small), m(medium), l(large) or xl(xLarge)")
	fs.StringVar(&f.prefix, "prefix", prefix, "what the written keys begin with; they are deleted afterwards")
	fs.BoolVar(&f.autoCompact, "auto-compact", false, "compact the history afterwards")
	fs.BoolVar(&f.autoDefrag, "auto-defrag", false, "defragment the endpoints afterwards")
	values(cmd, "load", "small", "medium", "large", "xLarge")
}

// size is the load's short name.
func (f *checkFlags) size() (string, error) {
	switch f.load {
	case "s", "small":
		return "s", nil
	case "m", "medium":
		return "m", nil
	case "l", "large":
		return "l", nil
	case "xl", "xLarge":
		return "xl", nil
	}
	return "", badFeature("unknown load option %v", f.load)
}

// requireEmpty refuses to run over keys that are somebody's.
func (f *checkFlags) requireEmpty(ctx context.Context, cli *clientv3.Client) error {
	resp, err := cli.Get(ctx, f.prefix, clientv3.WithPrefix(), clientv3.WithLimit(1))
	if err != nil {
		return err
	}
	if len(resp.Kvs) > 0 {
		return invalidInput("prefix %q has keys. Delete with 'etcdctl del --prefix %s' first", f.prefix, f.prefix)
	}
	return nil
}

// randomKey is a key under the prefix that is as long as wanted and, very
// likely, new.
func (f *checkFlags) randomKey(length int) string {
	key := make([]byte, length)
	binary.PutVarint(key, rand.Int64())
	return f.prefix + string(key)
}

// maintenanceTimeout bounds each of the requests that clean up.
const maintenanceTimeout = 30 * time.Second

// cleanUp deletes what the check wrote and, as asked, gives its space back.
func (c *ctl) cleanUp(cli *clientv3.Client, f *checkFlags) error {
	ctx, cancel := context.WithTimeout(context.Background(), maintenanceTimeout)
	defer cancel()
	resp, err := cli.Delete(ctx, f.prefix, clientv3.WithPrefix())
	if err != nil {
		return fmt.Errorf("cleanup failed during key deletion: %w", err)
	}
	if f.autoCompact {
		rev := resp.Header.GetRevision()
		fmt.Fprintf(c.Stdout, "Compacting with revision %d\n", rev)
		if _, err := cli.Compact(ctx, rev, clientv3.WithCompactPhysical()); err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "Compacted with revision %d\n", rev)
	}
	if !f.autoDefrag {
		return nil
	}
	for _, e := range cli.Endpoints() {
		if err := c.defragment(cli, e); err != nil {
			return err
		}
	}
	return nil
}

func (c *ctl) defragment(cli *clientv3.Client, endpoint string) error {
	ctx, cancel := context.WithTimeout(context.Background(), maintenanceTimeout)
	defer cancel()
	fmt.Fprintf(c.Stdout, "Defragmenting %q\n", endpoint)
	if _, err := cli.Defragment(ctx, endpoint); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "Defragmented %q\n", endpoint)
	return nil
}

// measured is what came of many requests.
type measured struct {
	took   time.Duration
	errors map[string]int // by text
	times  []float64      // of the requests that succeeded, in seconds
}

// drive sends the operations through all clients at once, one at a time
// through each, until there are no more.
func drive(clients []*clientv3.Client, ops <-chan clientv3.Op, done func()) *measured {
	m := &measured{errors: make(map[string]int)}
	var mu sync.Mutex
	var workers sync.WaitGroup
	begin := time.Now()
	for _, cli := range clients {
		workers.Go(func() {
			for op := range ops {
				start := time.Now()
				_, err := cli.Do(context.Background(), op)
				took := time.Since(start).Seconds()
				mu.Lock()
				if err != nil {
					m.errors[err.Error()]++
				} else {
					m.times = append(m.times, took)
				}
				mu.Unlock()
				done()
			}
		})
	}
	workers.Wait()
	m.took = time.Since(begin)
	return m
}

// perSecond is how many requests succeeded in a second.
func (m *measured) perSecond() float64 { return float64(len(m.times)) / m.took.Seconds() }

// slowest is the longest time a request took, in seconds.
func (m *measured) slowest() float64 {
	var longest float64
	for _, t := range m.times {
		longest = max(longest, t)
	}
	return longest
}

// stddev is the standard deviation of the times, in seconds.
func (m *measured) stddev() float64 {
	if len(m.times) == 0 {
		return 0
	}
	var sum, squares float64
	for _, t := range m.times {
		sum += t
	}
	mean := sum / float64(len(m.times))
	for _, t := range m.times {
		squares += (t - mean) * (t - mean)
	}
	return math.Sqrt(squares / float64(len(m.times)))
}

// reportErrors lists the requests that failed; false if none did.
func (c *ctl) reportErrors(m *measured) bool {
	if len(m.errors) == 0 {
		return false
	}
	fmt.Fprintln(c.Stdout, "FAIL: too many errors")
	texts := make([]string, 0, len(m.errors))
	for text := range m.errors {
		texts = append(texts, text)
	}
	sort.Strings(texts)
	for _, text := range texts {
		fmt.Fprintf(c.Stdout, "FAIL: ERROR(%v) -> %d\n", text, m.errors[text])
	}
	return true
}

// openMany opens n clients, each with a connection of its own.
func (c *ctl) openMany(spec *clientv3.ConfigSpec, n int) ([]*clientv3.Client, error) {
	clients := make([]*clientv3.Client, n)
	for i := range clients {
		var err error
		if clients[i], err = c.open(spec); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

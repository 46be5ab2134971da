// Command devcluster runs a petcd cluster on loopback in the foreground, for trying it out: every member is an etcd
// process of its own, with its own data directory and log file. They end with it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	etcd := flag.String("etcd", "bin/etcd", "the server binary that every member runs")
	dataDir := flag.String("data-dir", "data", "the folder for the members' data and logs; a second run finds it again")
	size := flag.Int("size", 3, "how many members: 1, 3 or 5")
	flag.Parse()
	if flag.NArg() > 0 || (*size != 1 && *size != 3 && *size != 5) {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *etcd, *dataDir, *size); err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(1)
	}
}

// run starts the members, says how to talk to them once they serve, and waits for ctx to end or the last member to die.
func run(ctx context.Context, etcd, dataDir string, size int) error {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return err
	}
	members := layout(dataDir, size)
	died := make(chan *member, size)
	for _, m := range members {
		if err := m.start(etcd, initialCluster(members), died); err != nil {
			stopAll(members)
			return err
		}
	}
	defer stopAll(members)

	fmt.Printf("starting %d members; their data and logs are in %s/\n", size, filepath.Clean(dataDir))
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, m := range members {
		select {
		case <-m.serving(ready):
		case dead := <-died:
			return dead.obituary()
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if ready.Err() != nil {
		return fmt.Errorf("the members did not become healthy within a minute; see %s", filepath.Join(dataDir, "*.log"))
	}
	greet(members)

	// A member may be killed to see what the others make of it.
	for left := size; ; {
		select {
		case <-ctx.Done():
			fmt.Println("\nstopping the members")
			return nil
		case dead := <-died:
			if left--; left == 0 {
				return dead.obituary()
			}
			fmt.Fprintf(os.Stderr, "devcluster: %v; %d of %d go on\nto start it again, in another terminal:\n\n  %s\n\n",
				dead.obituary(), left, size, dead.command())
		}
	}
}

// greet prints how to talk to the cluster.
func greet(members []*member) {
	endpoints := make([]string, len(members))
	for i, m := range members {
		endpoints[i] = m.clientAddress()
	}
	fmt.Printf(`petcd serves. In another terminal:

  export ETCDCTL_ENDPOINTS=%s
  bin/etcdctl set key1 value1
  bin/etcdctl get key1

That is API 2. API 3 has keys of its own:

  export ETCDCTL_API=3
  bin/etcdctl put greeting hello
  bin/etcdctl get greeting
  bin/etcdctl endpoint status -w table

Ctrl-C ends it.
`, strings.Join(endpoints, ","))
}

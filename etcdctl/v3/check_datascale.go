package v3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// datascaleLoads are the loads of `check datascale`: so many keys, written by
// so many clients.
var datascaleLoads = map[string]struct{ keys, clients int }{
	"s":  {10_000, 50},
	"m":  {100_000, 200},
	"l":  {1_000_000, 500},
	"xl": {3_000_000, 1000},
}

const (
	datascaleKeySize   = 512
	datascaleValueSize = 512
	residentMemory     = "process_resident_memory_bytes"
)

func (c *ctl) checkDatascaleCommand() *cobra.Command {
	var flags checkFlags
	cmd := &cobra.Command{
		Use:   "datascale [options]",
		Short: "Writes many keys and shows how much memory the server takes for them",
		Long: `Writes many keys and shows how much memory the server takes for them, by its
metrics. Of several endpoints the first is asked.`,
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			size, err := flags.size()
			if err != nil {
				return err
			}
			load := datascaleLoads[size]
			spec, err := c.clientSpec(cmd)
			if err != nil {
				return err
			}
			clients, err := c.openMany(spec, load.clients)
			if err != nil {
				return err
			}
			return c.datascale(spec, clients, &flags, load.keys)
		}),
	}
	flags.register(cmd, "/etcdctl-check-datascale/")
	return cmd
}

func (c *ctl) datascale(spec *clientv3.ConfigSpec, clients []*clientv3.Client, flags *checkFlags, keys int) error {
	if err := flags.requireEmpty(context.Background(), clients[0]); err != nil {
		return err
	}
	before, err := serverMemory(spec)
	if err != nil {
		return c.fail("Could not read %s before the put operations: %v", residentMemory, err)
	}
	fmt.Fprintf(c.Stdout, "Start data scale check for work load [%v key-value pairs, %v bytes per key-value, %v concurrent clients].\n",
		keys, datascaleKeySize+datascaleValueSize, len(clients))
	ops := make(chan clientv3.Op, len(clients))
	go func() {
		defer close(ops)
		value := string(make([]byte, datascaleValueSize))
		for range keys {
			ops <- clientv3.OpPut(flags.randomKey(datascaleKeySize), value)
		}
	}()
	shown := c.newProgress(keys)
	m := drive(clients, ops, func() { shown.add(1) })
	shown.finish()

	after, memoryErr := serverMemory(spec)
	if err := c.cleanUp(clients[0], flags); err != nil {
		return err
	}
	if memoryErr != nil {
		return c.fail("Could not read %s after the put operations: %v", residentMemory, memoryErr)
	}
	if c.reportErrors(m) {
		return &exit{exitError, nil}
	}
	fmt.Fprintf(c.Stdout, "PASS: Approximate system memory used : %.2f MB.\n", (after-before)/(1<<20))
	return nil
}

// fail prints why the check failed.
func (c *ctl) fail(format string, args ...any) error {
	fmt.Fprintf(c.Stdout, "FAIL: "+format+"\n", args...)
	return &exit{exitError, nil}
}

// serverMemory is the resident memory of the first endpoint's server in bytes,
// read from its metrics.
func serverMemory(spec *clientv3.ConfigSpec) (float64, error) {
	cfg, err := clientConfig(spec)
	if err != nil {
		return 0, err
	}
	if len(spec.Endpoints) == 0 {
		return 0, errors.New("no endpoint")
	}
	url := spec.Endpoints[0]
	switch {
	case strings.Contains(url, "://"):
	case cfg.TLS != nil:
		url = "https://" + url
	default:
		url = "http://" + url
	}
	hc := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: cfg.TLS}}
	defer hc.CloseIdleConnections()
	resp, err := hc.Get(url + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), residentMemory+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("the server does not report it")
}

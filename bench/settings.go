package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/target"
	"github.com/petcd/petcd/bench/workload"
)

// settings are the flags every command has.
type settings struct {
	targets []string
	members int
	pairs   int
	dir     string
	keep    bool
	flags   []string
	json    string
	seed    uint64
}

// load are the flags of commands that apply a load.
type load struct {
	conns      int
	clients    int
	ops        uint64
	duration   time.Duration
	warmup     time.Duration
	rate       float64
	leaderOnly bool
	data       workload.Data
}

// register adds the flags, with the values s holds as defaults.
func (s *settings) register(f *pflag.FlagSet) {
	f.StringArrayVar(&s.targets, "target", s.targets, "what to measure; repeat it to compare, the last is the base")
	f.IntVar(&s.members, "members", s.members, "members of each cluster that is started")
	f.IntVar(&s.pairs, "pairs", s.pairs, "turns of each target")
	f.StringVar(&s.dir, "data", s.dir, "folder for the clusters' data (default: the system's temporary folder)")
	f.BoolVar(&s.keep, "keep", s.keep, "leave the clusters' data and logs")
	f.StringArrayVar(&s.flags, "server-flag", s.flags, "a flag for every server that is started, such as --quota-backend-bytes=8589934592")
	f.StringVar(&s.json, "json", s.json, "also write every run to this file")
	f.Uint64Var(&s.seed, "seed", s.seed, "seed of keys and values; 0 draws one")
}

// register adds the flags, with the values l holds as defaults.
func (l *load) register(f *pflag.FlagSet) {
	f.IntVar(&l.conns, "conns", l.conns, "connections")
	f.IntVar(&l.clients, "clients", l.clients, "clients sharing the connections; each has one operation in flight")
	f.Uint64Var(&l.ops, "ops", l.ops, "end after this many operations; 0 = no limit")
	f.DurationVar(&l.duration, "duration", l.duration, "end after this long; 0 = no limit")
	f.DurationVar(&l.warmup, "warmup", l.warmup, "apply the load this long before measuring")
	f.Float64Var(&l.rate, "rate", l.rate, "operations per second of an open loop; 0 = closed loop")
	f.BoolVar(&l.leaderOnly, "leader", l.leaderOnly, "connect to the leader only, not to all members in turn")
	l.registerData(f)
}

// registerData adds the flags of keys and values.
func (l *load) registerData(f *pflag.FlagSet) {
	f.IntVar(&l.data.Keys.Size, "key-size", l.data.Keys.Size, "bytes of a key")
	f.Uint64Var(&l.data.Keys.Space, "keys", l.data.Keys.Space, "number of different keys")
	f.BoolVar(&l.data.Keys.Sequential, "sequential", l.data.Keys.Sequential, "take keys in order, not drawn by the seed")
	f.IntVar(&l.data.Values.Size, "value-size", l.data.Values.Size, "bytes of a value")
	f.StringVar(&l.data.Values.Kind, "value-kind", l.data.Values.Kind, "values: "+strings.Join(workload.Kinds(), " or ")+" (reads like a Kubernetes pod)")
}

// defaultSettings compare petcd with the newest real etcd.
func defaultSettings() settings {
	return settings{targets: []string{"petcd", "3.7.3"}, members: 1, pairs: 1}
}

// defaultLoad is etcd's own benchmark in small.
func defaultLoad() load {
	return load{
		conns: 100, clients: 1000, duration: 10 * time.Second, warmup: 2 * time.Second,
		data: workload.Data{
			Keys:   workload.Keys{Size: 8, Space: 100_000},
			Values: workload.Values{Size: 256, Kind: workload.Random},
		},
	}
}

// validate refuses what cannot be run.
func (l *load) validate() error {
	if l.conns < 1 || l.clients < l.conns {
		return fmt.Errorf("%w: --clients %d on --conns %d: a connection needs a client", errUsage, l.clients, l.conns)
	}
	if l.ops == 0 && l.duration == 0 {
		return fmt.Errorf("%w: neither --ops nor --duration says when to end", errUsage)
	}
	return l.data.Validate()
}

// parameters are the settings as the report shows them.
func (l *load) parameters() map[string]string {
	p := map[string]string{
		"conns":   fmt.Sprint(l.conns),
		"clients": fmt.Sprint(l.clients),
		"keys":    fmt.Sprint(l.data.Keys.Space),
		"value":   fmt.Sprintf("%dB %s", l.data.Values.Size, l.data.Values.Kind),
		"to":      "all members",
	}
	if l.leaderOnly {
		p["to"] = "leader"
	}
	if l.rate > 0 {
		p["rate"] = fmt.Sprintf("%g/s", l.rate)
	}
	return p
}

// prepare draws the seed, finds the targets, and starts the report.
func (s *settings) prepare(ctx context.Context, log io.Writer) ([]target.Spec, *report.Report, func(), error) {
	if s.pairs < 1 || s.members < 1 || len(s.targets) == 0 {
		return nil, nil, nil, fmt.Errorf("%w: at least one target, member and pair", errUsage)
	}
	if s.seed == 0 {
		s.seed = rand.Uint64()
	}
	fmt.Fprintf(log, "seed %d\n", s.seed)
	builds, err := os.MkdirTemp("", "bench-build-")
	if err != nil {
		return nil, nil, nil, fmt.Errorf("folder for builds: %w", err)
	}
	cleanup := func() { _ = os.RemoveAll(builds) } // leaves a temporary file at worst
	var specs []target.Spec
	for _, text := range s.targets {
		spec, err := target.Parse(ctx, text, builds)
		if err != nil {
			cleanup()
			return nil, nil, nil, err
		}
		specs = append(specs, spec)
	}
	return specs, &report.Report{Started: time.Now(), Command: os.Args, Seed: s.seed, Machine: machine()}, cleanup, nil
}

// finish prints the table and writes the file.
func (s *settings) finish(r *report.Report, out io.Writer) error {
	if s.json != "" {
		if err := r.WriteFile(s.json); err != nil {
			return err
		}
	}
	return r.WriteTable(out)
}

// machine describes where the figures are from.
func machine() report.Machine {
	m := report.Machine{CPUs: runtime.NumCPU(), Go: runtime.Version()}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.Model = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

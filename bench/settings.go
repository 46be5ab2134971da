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
	"github.com/petcd/petcd/bench/turn"
	"github.com/petcd/petcd/bench/workload"
)

// settings are the flags every command that measures has.
type settings struct {
	targets []string
	pairs   int
	dir     string
	keep    bool
	flags   []string
	json    string
	html    string
	seed    uint64
}

// defaultSettings compare petcd with the newest real etcd.
func defaultSettings() settings {
	return settings{targets: []string{"petcd", "3.7.3"}, pairs: 1}
}

// register adds the flags, with the values s holds as defaults.
func (s *settings) register(f *pflag.FlagSet) {
	f.StringArrayVar(&s.targets, "target", s.targets, "what to measure; the first is judged by the second, further ones stand beside")
	f.IntVar(&s.pairs, "pairs", s.pairs, "turns of each target")
	f.StringVar(&s.dir, "data", s.dir, "folder for the clusters' data (default: the system's temporary folder)")
	f.BoolVar(&s.keep, "keep", s.keep, "leave the clusters' data and logs")
	f.StringArrayVar(&s.flags, "server-flag", s.flags, "a flag for every server that is started, such as --quota-backend-bytes=8589934592")
	f.StringVar(&s.json, "json", s.json, "also write every run to this file")
	f.StringVar(&s.html, "html", s.html, "also write a page with curves to this file")
	f.Uint64Var(&s.seed, "seed", s.seed, "seed of keys and values; 0 draws one")
}

// registerClients adds the flags of who applies a load.
func registerClients(f *pflag.FlagSet, c *turn.Clients) {
	f.IntVar(&c.Conns, "conns", c.Conns, "connections")
	f.IntVar(&c.Clients, "clients", c.Clients, "clients sharing the connections; each has one operation in flight")
	f.BoolVar(&c.LeaderOnly, "leader", c.LeaderOnly, "connect to the leader only, not to all members in turn")
}

// kindsUsage says what values may look like.
var kindsUsage = "values: " + strings.Join(workload.Kinds(), " or ") + " (reads like a Kubernetes pod)"

// registerData adds the flags of keys and values.
func registerData(f *pflag.FlagSet, d *workload.Data) {
	f.IntVar(&d.Keys.Size, "key-size", d.Keys.Size, "bytes of a key")
	f.Uint64Var(&d.Keys.Space, "keys", d.Keys.Space, "number of different keys")
	f.BoolVar(&d.Keys.Sequential, "sequential", d.Keys.Sequential, "take keys in order, not drawn by the seed")
	f.IntVar(&d.Values.Size, "value-size", d.Values.Size, "bytes of a value")
	f.StringVar(&d.Values.Kind, "value-kind", d.Values.Kind, kindsUsage)
}

// prepare finds the targets and starts the report.
func (s *settings) prepare(ctx context.Context, log io.Writer) ([]target.Spec, *report.Report, func(), error) {
	builds, err := os.MkdirTemp("", "bench-build-")
	if err != nil {
		return nil, nil, nil, fmt.Errorf("folder for builds: %w", err)
	}
	cleanup := func() { _ = os.RemoveAll(builds) } // leaves a temporary file at worst
	rep := &report.Report{Started: time.Now(), Command: os.Args, Seed: s.seed, Machine: machine()}
	var specs []target.Spec
	for _, text := range s.targets {
		spec, err := target.Parse(ctx, text, builds)
		if err != nil {
			cleanup()
			return nil, nil, nil, err
		}
		specs = append(specs, spec)
		rep.Targets = append(rep.Targets, spec.Name)
	}
	fmt.Fprintf(log, "seed %d\n", s.seed)
	return specs, rep, cleanup, nil
}

// begin draws a seed if none was given, and refuses rows that cannot be run.
func (s *settings) begin(rows []row) error {
	if s.pairs < 1 || len(s.targets) == 0 {
		return fmt.Errorf("%w: at least one target and pair", errUsage)
	}
	if s.seed == 0 {
		s.seed = rand.Uint64()
	}
	for _, r := range rows {
		if r.members < 1 {
			return fmt.Errorf("%w: at least one member", errUsage)
		}
		if err := r.turn.Begin(s.seed); err != nil {
			return fmt.Errorf("%s: %w", r.title(), err)
		}
	}
	return nil
}

// write writes the files that were asked for.
func (s *settings) write(r *report.Report) error {
	if s.json != "" {
		if err := r.WriteFile(s.json); err != nil {
			return err
		}
	}
	if s.html != "" {
		return r.WritePage(s.html)
	}
	return nil
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

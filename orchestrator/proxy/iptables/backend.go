package iptables

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/proxy/model"
)

// Runner runs a program with an input and returns its output.
type Runner func(ctx context.Context, input []byte, program string, args ...string) ([]byte, error)

// Backend holds one family's rules in the kernel. It isn't safe for concurrent use.
type Backend struct {
	run    Runner
	v6     bool
	prefix string // of programs' names

	site   model.Site
	blocks map[types.NamespacedName]*block
	known  bool             // the kernel holds what blocks say
	counts map[chainKey]int // how many rules each chain of ours has, as far as known
}

// New returns the backend of a family. It changes nothing yet.
func New(family v1.IPFamily) (*Backend, error) {
	b := newBackend(family, execute)
	for _, program := range []string{"-save", "-restore"} {
		if _, err := exec.LookPath(b.prefix + program); err != nil {
			return nil, fmt.Errorf("iptables: %w", err)
		}
	}
	return b, nil
}

func newBackend(family v1.IPFamily, run Runner) *Backend {
	b := &Backend{run: run, v6: family == v1.IPv6Protocol, prefix: "iptables", blocks: map[types.NamespacedName]*block{}}
	if b.v6 {
		b.prefix = "ip6tables"
	}
	return b
}

// execute is the Runner that does.
func execute(ctx context.Context, input []byte, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		return out, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	return out, err
}

// Sync makes the kernel hold the Services' ports as changed says, beside those of earlier calls. A Service without ports is gone.
func (b *Backend) Sync(ctx context.Context, site model.Site, changed map[types.NamespacedName][]model.Port) error {
	if !reflect.DeepEqual(site, b.site) {
		b.site, b.known = site, false
	}
	d := &delta{own: map[string][]string{}, shared: map[chainKey]bool{}}
	for service, ports := range changed {
		b.replace(d, service, b.render(ports))
	}
	if b.known {
		if len(d.own) == 0 && len(d.shared) == 0 {
			return nil
		}
		err := b.restore(ctx, b.partial(d))
		if err == nil || ctx.Err() != nil {
			return err
		}
		klog.FromContext(ctx).Error(err, "A change was refused; stating all rules anew", "program", b.prefix)
	}
	return b.restate(ctx)
}

// restate makes the kernel hold all that is wanted, whatever it held before.
func (b *Backend) restate(ctx context.Context) error {
	if b.localhost() {
		const routing = "/proc/sys/net/ipv4/conf/all/route_localnet"
		if err := os.WriteFile(routing, []byte("1"), 0); err != nil {
			klog.FromContext(ctx).Error(err, "Node ports won't be answered on loopback addresses", "sysctl", routing)
		}
	}
	text, err := b.full(ctx)
	if err != nil {
		return err
	}
	return b.restore(ctx, text)
}

// restore runs iptables-restore, and remembers whether the kernel holds what is wanted.
func (b *Backend) restore(ctx context.Context, t *text) error {
	b.known = false
	// Legacy iptables has one lock for all who write; the other one ignores the flag.
	if _, err := b.run(ctx, t.bytes(), b.prefix+"-restore", "-w", "5", "--noflush"); err != nil {
		return fmt.Errorf("iptables: %s-restore: %w", b.prefix, err)
	}
	b.known = true
	maps.Copy(b.counts, t.counts)
	maps.DeleteFunc(b.counts, func(_ chainKey, n int) bool { return n < 0 })
	return nil
}

// Check finds out whether each of our chains still has as many rules as were written, and each jump is there.
func (b *Backend) Check(ctx context.Context) error {
	if !b.known {
		return nil
	}
	b.known = false
	found := map[chainKey]int{}
	for _, table := range tables {
		saved, err := b.save(ctx, table)
		if err != nil {
			return err
		}
		for chain, n := range saved.rules {
			found[chainKey{table, chain}] = n
		}
		if slices.ContainsFunc(jumps, func(j jump) bool { return j.from.table == table && saved.jumps[j.line()] != 1 }) {
			return nil
		}
	}
	for chain, n := range b.counts {
		if has, there := found[chain]; !there || has != n {
			return nil
		}
	}
	b.known = true
	return nil
}

// Known tells whether the kernel is believed to hold what was last wanted.
func (b *Backend) Known() bool { return b.known }

// Cleanup removes all that is ours.
func (b *Backend) Cleanup(ctx context.Context) error {
	b.known = false
	t := newText()
	for _, table := range tables {
		saved, err := b.save(ctx, table)
		if err != nil {
			return err
		}
		b.removeJumps(t, table, saved)
		for chain := range saved.rules {
			if _, shared := b.frames()[chainKey{table, chain}]; shared || (table == nat && isOwn(chain)) {
				t.remove(chainKey{table, chain})
			}
		}
	}
	if len(t.parts) == 0 {
		return nil
	}
	if _, err := b.run(ctx, t.bytes(), b.prefix+"-restore", "-w", "5", "--noflush"); err != nil {
		return fmt.Errorf("iptables: removing the rules: %w", err)
	}
	return nil
}

package iptables

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// text is an input of iptables-restore.
type text struct {
	parts  map[string]*part
	counts map[chainKey]int // rules of each chain afterwards; -1: it is gone
}

// part is what is done to a table.
type part struct {
	chains          []string // that are emptied, or made
	rules, removals bytes.Buffer
}

func newText() *text { return &text{parts: map[string]*part{}, counts: map[chainKey]int{}} }

func (t *text) part(table string) *part {
	if t.parts[table] == nil {
		t.parts[table] = &part{}
	}
	return t.parts[table]
}

// set makes a chain have these rules and no others.
func (t *text) set(key chainKey, rules ...[]string) {
	p := t.part(key.table)
	p.chains = append(p.chains, key.chain)
	n := 0
	for _, some := range rules {
		for _, rule := range some {
			p.rules.WriteString("-A " + key.chain + " " + rule + "\n")
		}
		n += len(some)
	}
	t.counts[key] = n
}

// remove empties a chain and deletes it.
func (t *text) remove(key chainKey) {
	p := t.part(key.table)
	p.chains = append(p.chains, key.chain)
	fmt.Fprintf(&p.removals, "-X %s\n", key.chain)
	t.counts[key] = -1
}

// bytes is the input. All chains are named first, so that rules may refer to any. They are named backwards: iptables over nf_tables keeps
// them in a sorted list, and looks for a chain's place from its beginning (13,000 chains: 3 s in this order, minutes in a random one).
func (t *text) bytes() []byte {
	var all bytes.Buffer
	for _, table := range tables {
		p := t.parts[table]
		if p == nil {
			continue
		}
		slices.Sort(p.chains)
		fmt.Fprintf(&all, "*%s\n", table)
		for _, chain := range slices.Backward(p.chains) {
			fmt.Fprintf(&all, ":%s - [0:0]\n", chain)
		}
		all.Write(p.rules.Bytes())
		all.Write(p.removals.Bytes())
		all.WriteString("COMMIT\n")
	}
	return all.Bytes()
}

// delta is what a sync changes.
type delta struct {
	own    map[string][]string // nil: the chain goes
	shared map[chainKey]bool
}

// replace puts a Service's new block in the place of its old one, and notes what that changes.
func (b *Backend) replace(d *delta, service types.NamespacedName, now *block) {
	old := b.blocks[service]
	if old == nil {
		old = &block{}
	}
	for chain, rules := range now.own {
		if was, there := old.own[chain]; !there || !slices.Equal(was, rules) {
			d.own[chain] = rules
		}
	}
	for chain := range old.own {
		if _, stays := now.own[chain]; !stays {
			d.own[chain] = nil
		}
	}
	for key, rules := range now.shared {
		if !slices.Equal(old.shared[key], rules) {
			d.shared[key.chainKey] = true
		}
	}
	for key := range old.shared {
		if now.shared[key] == nil {
			d.shared[key.chainKey] = true
		}
	}
	if len(now.shared) == 0 {
		delete(b.blocks, service)
		return
	}
	b.blocks[service] = now
}

// partial writes what differs.
func (b *Backend) partial(d *delta) *text {
	t := newText()
	b.writeShared(t, func(key chainKey) bool { return d.shared[key] })
	for _, chain := range slices.Sorted(maps.Keys(d.own)) {
		if rules := d.own[chain]; rules != nil {
			t.set(chainKey{nat, chain}, rules)
		} else {
			t.remove(chainKey{nat, chain})
		}
	}
	return t
}

// writeShared writes the shared chains that are wanted.
func (b *Backend) writeShared(t *text, wanted func(chainKey) bool) {
	sorted := slices.SortedFunc(maps.Keys(b.blocks), func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	for key, f := range b.frames() {
		if !wanted(key) {
			continue
		}
		rules := [][]string{f.head}
		for _, part := range []int{first, later} {
			for _, service := range sorted {
				rules = append(rules, b.blocks[service].shared[sharedKey{key, part}])
			}
		}
		t.set(key, append(rules, f.tail)...)
	}
}

// full writes all that is wanted over whatever there is.
func (b *Backend) full(ctx context.Context) (*text, error) {
	b.counts = map[chainKey]int{}
	t := newText()
	b.writeShared(t, func(chainKey) bool { return true })
	own := map[string]bool{}
	for _, service := range b.blocks {
		for chain, rules := range service.own {
			own[chain] = true
			t.set(chainKey{nat, chain}, rules)
		}
	}
	for _, table := range tables {
		saved, err := b.save(ctx, table)
		if err != nil {
			return nil, err
		}
		b.removeJumps(t, table, saved)
		for _, j := range slices.Backward(jumps) { // each goes to the front
			if j.from.table == table {
				fmt.Fprintf(&t.part(table).rules, "-I %s\n", strings.TrimPrefix(j.line(), "-A "))
			}
		}
		for chain := range saved.rules {
			if table == nat && isOwn(chain) && !own[chain] {
				t.remove(chainKey{nat, chain})
			}
		}
	}
	return t, nil
}

// removeJumps takes our jumps out of the kernel's chains, however often they are there.
func (b *Backend) removeJumps(t *text, table string, saved *saved) {
	for line, n := range saved.jumps {
		for range n {
			fmt.Fprintf(&t.part(table).rules, "-D %s\n", strings.TrimPrefix(line, "-A "))
		}
	}
}

// saved is what iptables-save says of a table.
type saved struct {
	rules map[string]int // how many each chain has
	jumps map[string]int // rules of the kernel's chains that jump to chains of ours, and how often each is there
}

// builtin are the kernel's chains.
var builtin = map[string]bool{"PREROUTING": true, "INPUT": true, "FORWARD": true, "OUTPUT": true, "POSTROUTING": true}

func (b *Backend) save(ctx context.Context, table string) (*saved, error) {
	out, err := b.run(ctx, nil, b.prefix+"-save", "-t", table)
	if err != nil {
		return nil, fmt.Errorf("iptables: %s-save: %w", b.prefix, err)
	}
	s := &saved{rules: map[string]int{}, jumps: map[string]int{}}
	frames := b.frames()
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, ":"):
			chain, _, _ := strings.Cut(line[1:], " ")
			s.rules[chain] += 0
		case strings.HasPrefix(line, "-A "):
			chain, rest, _ := strings.Cut(line[3:], " ")
			s.rules[chain]++
			if i := strings.LastIndex(rest, "-j "); i >= 0 && builtin[chain] {
				if _, toOurs := frames[chainKey{table, rest[i+3:]}]; toOurs {
					s.jumps[line]++
				}
			}
		}
	}
	return s, nil
}

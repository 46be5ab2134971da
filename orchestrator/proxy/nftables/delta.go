package nftables

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/knftables"
)

// claims are who wants what at a place of a shared set or map, the one who has it first.
type claims map[elementKey][]claim

type claim struct {
	element
	owner types.NamespacedName
}

// current is what the kernel should hold at a place.
func (c claims) current(key elementKey) (value string, there bool) {
	if all := c[key]; len(all) > 0 {
		return all[0].value, true
	}
	return "", false
}

func (c claims) add(owner types.NamespacedName, e element) {
	all := append(c[e.key], claim{e, owner})
	slices.SortStableFunc(all, func(a, b claim) int {
		if a.first != b.first {
			if a.first {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.owner.Namespace, b.owner.Namespace), cmp.Compare(a.owner.Name, b.owner.Name))
	})
	c[e.key] = all
}

func (c claims) remove(owner types.NamespacedName, e element) {
	all := c[e.key]
	if i := slices.IndexFunc(all, func(other claim) bool { return other.owner == owner }); i >= 0 {
		all = slices.Delete(all, i, i+1)
	}
	if len(all) == 0 {
		delete(c, e.key)
		return
	}
	c[e.key] = all
}

// delta is what a sync changes. A nil of rules is a chain that goes; a duration of 0 a set that goes.
type delta struct {
	chains  map[string][]string
	clients map[string]time.Duration
	before  map[elementKey]*string // what the kernel has at places that changed; nil: nothing
}

func newDelta() *delta {
	return &delta{chains: map[string][]string{}, clients: map[string]time.Duration{}, before: map[elementKey]*string{}}
}

// replace puts a Service's new block in the place of its old one, and notes what that changes.
func (b *Backend) replace(d *delta, service types.NamespacedName, now *block) {
	old := b.blocks[service]
	if old == nil {
		old = &block{}
	}
	for chain, rules := range now.chains {
		if was, there := old.chains[chain]; !there || !slices.Equal(was, rules) {
			d.chains[chain] = rules
		}
	}
	for chain := range old.chains {
		if _, stays := now.chains[chain]; !stays {
			d.chains[chain] = nil
		}
	}
	for set, timeout := range now.clients {
		if _, there := old.clients[set]; !there {
			d.clients[set] = timeout
		}
	}
	for set := range old.clients {
		if _, stays := now.clients[set]; !stays {
			d.clients[set] = 0
		}
	}
	for _, e := range old.elements {
		b.note(d, e.key)
		b.claims.remove(service, e)
	}
	for _, e := range now.elements {
		b.note(d, e.key)
		b.claims.add(service, e)
	}
	if len(now.elements) == 0 {
		delete(b.blocks, service)
		return
	}
	b.blocks[service] = now
}

// note remembers what the kernel has at a place before the first change of it.
func (b *Backend) note(d *delta, key elementKey) {
	if _, noted := d.before[key]; noted {
		return
	}
	d.before[key] = nil
	if value, there := b.claims.current(key); there {
		d.before[key] = &value
	}
}

// partial states what differs, in an order in which nothing refers to what isn't there: what is referred to comes first and goes last.
func (b *Backend) partial(tx *knftables.Transaction, d *delta) {
	for _, set := range slices.Sorted(maps.Keys(d.clients)) {
		if d.clients[set] != 0 {
			tx.Add(b.clientSet(set, d.clients[set]))
		}
	}
	names := slices.Sorted(maps.Keys(d.chains))
	for _, chain := range names {
		tx.Add(&knftables.Chain{Name: chain})
		tx.Flush(&knftables.Chain{Name: chain})
	}
	for _, chain := range names {
		addRules(tx, chain, d.chains[chain])
	}
	keys := slices.SortedFunc(maps.Keys(d.before), func(a, b elementKey) int { return cmp.Or(cmp.Compare(a.in, b.in), cmp.Compare(a.key, b.key)) })
	for _, key := range keys {
		was := d.before[key]
		if now, there := b.claims.current(key); was != nil && (!there || now != *was) {
			tx.Delete(elementObject(key, *was))
		}
	}
	for _, key := range keys {
		was := d.before[key]
		if now, there := b.claims.current(key); there && (was == nil || now != *was) {
			tx.Add(elementObject(key, now))
		}
	}
	for _, chain := range names {
		if d.chains[chain] == nil {
			tx.Delete(&knftables.Chain{Name: chain})
		}
	}
	for _, set := range slices.Sorted(maps.Keys(d.clients)) {
		if d.clients[set] == 0 {
			tx.Delete(&knftables.Set{Name: set})
		}
	}
}

func addRules(tx *knftables.Transaction, chain string, rules []string) {
	for _, rule := range rules {
		tx.Add(&knftables.Rule{Chain: chain, Rule: rule})
	}
}

package nftables

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/knftables"
)

// full is the transaction that makes the table hold what is wanted and nothing else, whatever is in it. Known clients stay known.
func (b *Backend) full(ctx context.Context) (*knftables.Transaction, error) {
	found, err := b.nft.ListAll(ctx)
	if err != nil && !knftables.IsNotFound(err) {
		return nil, fmt.Errorf("nftables: reading the table: %w", err)
	}
	tx := b.nft.NewTransaction()
	tx.Add(&knftables.Table{})
	for _, name := range found["chain"] { // then nothing refers to anything, and all can be deleted
		tx.Flush(&knftables.Chain{Name: name})
	}
	for _, name := range found["map"] {
		tx.Flush(&knftables.Map{Name: name})
	}
	for _, s := range sharedSets {
		if !s.verdicts && slices.Contains(found["set"], s.name) {
			tx.Flush(&knftables.Set{Name: s.name})
		}
	}
	chains, sets, maps := b.names()
	for _, name := range found["chain"] {
		if !chains[name] {
			tx.Delete(&knftables.Chain{Name: name})
		}
	}
	for _, name := range found["set"] {
		if !sets[name] {
			tx.Delete(&knftables.Set{Name: name})
		}
	}
	for _, name := range found["map"] {
		if !maps[name] {
			tx.Delete(&knftables.Map{Name: name})
		}
	}
	b.state(tx)
	return tx, nil
}

// names are those of all that is wanted.
func (b *Backend) names() (chains, sets, maps map[string]bool) {
	chains, sets, maps = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range b.base() {
		chains[c.name] = true
	}
	for _, s := range sharedSets {
		if s.verdicts {
			maps[s.name] = true
		} else {
			sets[s.name] = true
		}
	}
	for _, service := range b.blocks {
		for name := range service.chains {
			chains[name] = true
		}
		for name := range service.clients {
			sets[name] = true
		}
	}
	return chains, sets, maps
}

// state adds all that is wanted to a table that has nothing but empty chains and sets.
func (b *Backend) state(tx *knftables.Transaction) {
	tx.Add(&knftables.Table{})
	for _, s := range sharedSets {
		tx.Add(s.object(b.ip))
	}
	all := newDelta()
	for _, service := range b.blocks {
		for name, rules := range service.chains {
			all.chains[name] = rules
		}
		for name, timeout := range service.clients {
			all.clients[name] = timeout
		}
	}
	for key := range b.claims {
		all.before[key] = nil
	}
	for _, c := range b.base() {
		tx.Add(c.object())
	}
	b.partial(tx, all)
	for _, c := range b.base() {
		addRules(tx, c.name, c.rules)
	}
}

// clientSet is a set of known clients. Packets fill it, so that it needs a bound.
func (b *Backend) clientSet(name string, timeout time.Duration) *knftables.Set {
	kind := "ipv4_addr"
	if b.ip == "ip6" {
		kind = "ipv6_addr"
	}
	return &knftables.Set{
		Name: name, Type: kind, Flags: []knftables.SetFlag{knftables.DynamicFlag, knftables.TimeoutFlag},
		Timeout: &timeout, Size: knftables.PtrTo(uint64(65536)),
	}
}

// elementObject is an element as knftables has it.
func elementObject(key elementKey, value string) *knftables.Element {
	if value == "" {
		return &knftables.Element{Set: key.in, Key: []string{key.key}}
	}
	return &knftables.Element{Map: key.in, Key: []string{key.key}, Value: []string{value}}
}

package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/bench/workload"
)

// v2Flags are what a server needs to serve API 2.
var v2Flags = []string{"--enable-v2"}

// v2Settings compare petcd with the newest real etcd that has API 2 in full.
func v2Settings() settings {
	s := defaultSettings()
	s.targets = []string{"petcd", "3.4.23"}
	return s
}

// v2Load has fewer keys than the default: they are loaded one by one, as API 2 has no transactions.
func v2Load(conns, clients int) load {
	l := defaultLoad()
	l.conns, l.clients, l.data.Keys.Space, l.leaderOnly = conns, clients, 10_000, true
	return l
}

func v2SetCommand() *cobra.Command {
	return caseOf(v2Settings(), v2Flags, "v2-set", "Sets one key per operation by API 2", "set", v2Load(100, 1000), nil, newV2Set)
}

func v2GetCommand() *cobra.Command {
	var quorum bool
	l := v2Load(100, 1000)
	l.leaderOnly = false
	return caseOf(v2Settings(), v2Flags, "v2-get", "Reads one existing key per operation by API 2", "read", l,
		func(cmd *cobra.Command) {
			cmd.Flags().BoolVar(&quorum, "quorum", false, "linearizable reads; else each member answers alone")
		},
		func(d workload.Data) workload.Workload { return &workload.V2Get{Data: d, Quorum: quorum} })
}

func v2WatchCommand() *cobra.Command {
	watchers := 1000
	l := v2Load(4, 4)
	l.data.Keys.Space = 1
	return caseOf(v2Settings(), v2Flags, "v2-watch", "Sets a key per operation by API 2 and waits until each of its watchers has the event", "event", l,
		func(cmd *cobra.Command) {
			cmd.Flags().IntVar(&watchers, "watchers", watchers, "watchers, spread evenly over the keys, each on a connection of its own")
		},
		func(d workload.Data) workload.Workload { return &workload.V2Watch{Data: d, Watchers: watchers} })
}

// newV2Set makes the workload of sets.
func newV2Set(d workload.Data) workload.Workload { return &workload.V2Set{Data: d} }

// v2CompareCommand measures the cases of API 2 by which releases are judged.
func v2CompareCommand() *cobra.Command {
	return setCommand("v2-compare", "Measures the standard set of cases of API 2, 1 and 3 members", "v2-set, v2-get, v2-watch", v2Settings(), v2Standard)
}

// v2Standard is the set v2CompareCommand measures.
func v2Standard(duration, warmup time.Duration) []benchmark {
	with := func(conns, clients int, leaderOnly bool) load {
		l := v2Load(conns, clients)
		l.duration, l.warmup, l.leaderOnly = duration, warmup, leaderOnly
		return l
	}
	watched := func(keys uint64) load {
		l := with(4, 4, true)
		l.data.Keys.Space = keys
		return l
	}
	get := func(quorum bool) func(workload.Data) workload.Workload {
		return func(d workload.Data) workload.Workload { return &workload.V2Get{Data: d, Quorum: quorum} }
	}
	watch := func(watchers int) func(workload.Data) workload.Workload {
		return func(d workload.Data) workload.Workload { return &workload.V2Watch{Data: d, Watchers: watchers} }
	}
	return []benchmark{
		{"v2-set", "set", 1, with(1, 1, true), newV2Set, v2Flags},
		{"v2-set", "set", 1, with(10, 100, true), newV2Set, v2Flags},
		{"v2-set", "set", 1, with(100, 1000, true), newV2Set, v2Flags},
		{"v2-set", "set", 3, with(1, 1, true), newV2Set, v2Flags},
		{"v2-set", "set", 3, with(10, 100, true), newV2Set, v2Flags},
		{"v2-set", "set", 3, with(100, 1000, true), newV2Set, v2Flags},
		{"v2-get", "read", 1, with(1, 1, true), get(false), v2Flags},
		{"v2-get", "read", 1, with(10, 100, true), get(false), v2Flags},
		{"v2-get", "read", 1, with(100, 1000, true), get(false), v2Flags},
		{"v2-get", "read", 3, with(100, 1000, false), get(false), v2Flags},
		{"v2-get quorum", "read", 1, with(100, 1000, true), get(true), v2Flags},
		{"v2-get quorum", "read", 3, with(100, 1000, false), get(true), v2Flags},
		{"v2-watch 1,000 watchers of a key", "event", 1, watched(1), watch(1000), v2Flags},
		{"v2-watch 10,000 watchers of 10,000 keys", "event", 1, watched(10_000), watch(10_000), v2Flags},
	}
}

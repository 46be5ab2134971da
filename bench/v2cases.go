package main

import (
	"github.com/spf13/cobra"

	"github.com/petcd/petcd/bench/turn"
	"github.com/petcd/petcd/bench/workload"
)

// v2Settings compare petcd with the newest real etcd that has API 2 in full.
func v2Settings() settings {
	s := defaultSettings()
	s.targets = []string{"petcd", "3.4.23"}
	return s
}

// v2Load has fewer keys than other loads: they are loaded one by one, as API 2 has no transactions.
func (s scale) v2Load(unit string, conns, clients int, make func(workload.Data) workload.Workload) *turn.Load {
	l := s.load(unit, conns, clients, make)
	l.Flags = []string{"--enable-v2"}
	l.Data.Keys.Space = min(10_000, s.keys)
	return l
}

func (s scale) v2Set(conns, clients int) *turn.Load {
	return s.v2Load("set", conns, clients, func(d workload.Data) workload.Workload { return &workload.V2Set{Data: d} })
}

func (s scale) v2Get(conns, clients int, quorum bool) *turn.Load {
	return s.v2Load("read", conns, clients, func(d workload.Data) workload.Workload { return &workload.V2Get{Data: d, Quorum: quorum} })
}

func (s scale) v2Watch(watchers, keys int) *turn.Load {
	l := s.v2Load("event", 4, 4, func(d workload.Data) workload.Workload { return &workload.V2Watch{Data: d, Watchers: watchers} })
	l.Data.Keys.Space = uint64(keys)
	return l
}

func v2SetCommand() *cobra.Command {
	return loadCommand(v2Settings(), "v2-set", "Sets one key per operation by API 2", fullScale().v2Set(100, 1000))
}

func v2GetCommand() *cobra.Command {
	var quorum bool
	cmd := loadCommand(v2Settings(), "v2-get", "Reads one existing key per operation by API 2",
		all(fullScale().v2Load("read", 100, 1000, func(d workload.Data) workload.Workload { return &workload.V2Get{Data: d, Quorum: quorum} })))
	cmd.Flags().BoolVar(&quorum, "quorum", false, "linearizable reads; else each member answers alone")
	return cmd
}

func v2WatchCommand() *cobra.Command {
	watchers := 1000
	l := fullScale().v2Load("event", 4, 4, func(d workload.Data) workload.Workload { return &workload.V2Watch{Data: d, Watchers: watchers} })
	l.Data.Keys.Space = 1
	cmd := loadCommand(v2Settings(), "v2-watch", "Sets a key per operation by API 2 and waits until each of its watchers has the event", l)
	cmd.Flags().IntVar(&watchers, "watchers", watchers, "watchers, spread evenly over the keys, each on a connection of its own")
	return cmd
}

package main

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"github.com/petcd/petcd/bench/turn"
	"github.com/petcd/petcd/bench/workload"
)

// scale is how much the rows do. Its methods are the rows' turns.
type scale struct {
	duration time.Duration // of a load
	warmup   time.Duration

	clients      int    // caps the clients of a row; 0 = as the row says
	keys         uint64 // of loads
	watchers     int    // of one key
	watchedKeys  int    // with a watcher each
	watchedPuts  uint64
	leases       uint64        // that end together
	slack        time.Duration // of their time, beyond what granting them takes
	storeKeys    uint64
	storeOld     uint64 // revisions back
	page         int64
	repeats      uint64
	oldVersions  uint64 // to compact
	agedLive     int64
	agedHistory  int64
	behind       int64
	rate         float64 // of puts beside something else
	nodes        int
	kubeDuration time.Duration
	compactEvery time.Duration
}

// fullScale is that of the goals, but for the aged store, which takes what disk one has.
func fullScale() scale {
	return scale{
		duration: 10 * time.Second, warmup: 2 * time.Second,
		keys: 100_000, watchers: 1000, watchedKeys: 10_000, watchedPuts: 20_000, leases: 100_000, slack: 5 * time.Second,
		storeKeys: 1_000_000, storeOld: 10_000, page: 10_000, repeats: 20, oldVersions: 1_000_000,
		agedLive: 2 << 30, agedHistory: 2 << 30, behind: 1 << 30, rate: 500,
		nodes: 1000, kubeDuration: 12 * time.Minute, compactEvery: 5 * time.Minute,
	}
}

// quickScale proves in two minutes that every row works; its figures mean little.
func quickScale() scale {
	return scale{
		duration: time.Second, warmup: 200 * time.Millisecond,
		keys: 10_000, watchers: 200, watchedKeys: 1000, watchedPuts: 2000, leases: 1000, slack: 5 * time.Second,
		storeKeys: 20_000, storeOld: 1000, page: 1000, repeats: 5, oldVersions: 20_000,
		agedLive: 16 << 20, agedHistory: 16 << 20, behind: 16 << 20, rate: 200,
		nodes: 50, kubeDuration: 3 * time.Second, compactEvery: time.Second,
	}
}

// register adds the flags of what one may want otherwise, with the values s holds as defaults.
func (s *scale) register(f *pflag.FlagSet) {
	f.DurationVar(&s.duration, "duration", s.duration, "length of each load")
	f.DurationVar(&s.warmup, "warmup", s.warmup, "apply the load this long before measuring")
	f.Uint64Var(&s.storeKeys, "store-keys", s.storeKeys, "keys of the large store, of 1 KiB each")
	f.Uint64Var(&s.leases, "leases", s.leases, "leases that end together")
	f.Uint64Var(&s.oldVersions, "old-versions", s.oldVersions, "versions of keys that are compacted under load")
	f.Var((*size)(&s.agedLive), "aged-live", "live bytes of the aged store")
	f.Var((*size)(&s.agedHistory), "aged-history", "bytes of its history")
	f.Var((*size)(&s.behind), "behind", "bytes that the member to install misses")
	f.IntVar(&s.nodes, "nodes", s.nodes, "nodes of the Kubernetes traffic")
	f.DurationVar(&s.kubeDuration, "kube-duration", s.kubeDuration, "length of the Kubernetes traffic")
	f.DurationVar(&s.compactEvery, "compact-every", s.compactEvery, "time between its compactions")
}

// data is random values of 256 bytes, as etcd's own benchmark has, but each another.
func (s scale) data() workload.Data {
	return workload.Data{Keys: workload.Keys{Size: 8, Space: s.keys}, Values: workload.Values{Size: 256, Kind: workload.Random}}
}

// pods is values that read like pods.
func (s scale) pods(keys uint64) workload.Data {
	return workload.Data{Keys: workload.Keys{Size: 8, Space: keys}, Values: workload.Values{Size: 1024, Kind: workload.Pod}}
}

// shared is so many clients on so many connections to the leader.
func (s scale) shared(conns, clients int) turn.Clients {
	if s.clients > 0 {
		conns, clients = min(conns, s.clients), min(clients, s.clients)
	}
	return turn.Clients{Conns: conns, Clients: clients, LeaderOnly: true}
}

// load is a closed loop.
func (s scale) load(unit string, conns, clients int, make func(workload.Data) workload.Workload) *turn.Load {
	return &turn.Load{Unit: unit, Make: make, Data: s.data(), Clients: s.shared(conns, clients), Duration: s.duration, Warmup: s.warmup}
}

// all spreads the clients over all members.
func all(l *turn.Load) *turn.Load {
	l.Clients.LeaderOnly = false
	return l
}

// half makes an open loop of it, at half of what the base does at most.
func half(l *turn.Load) *turn.AtShare { return &turn.AtShare{Load: l, Share: .5} }

func (s scale) put(conns, clients int) *turn.Load { return s.load("put", conns, clients, newPut) }

func (s scale) read(conns, clients int, serializable bool) *turn.Load {
	return s.load("read", conns, clients, func(d workload.Data) workload.Workload {
		return &workload.Range{Data: d, Serializable: serializable}
	})
}

func (s scale) txn(conns, clients int, shape string) *turn.Load {
	return s.load("transaction", conns, clients, func(d workload.Data) workload.Workload {
		return &workload.Txn{Data: d, Shape: shape}
	})
}

func (s scale) keepAlive() *turn.Load {
	return s.load("renewal", 100, 1000, func(workload.Data) workload.Workload { return &workload.KeepAlive{} })
}

func (s scale) watchLatency() *turn.Load {
	return s.load("event", 10, 10, func(d workload.Data) workload.Workload {
		return &workload.Watch{Data: d, Streams: 10, Watchers: 100}
	})
}

// fanOut keeps a few puts of one key in flight, whose events go to all its watchers.
func (s scale) fanOut() *turn.Load {
	l := s.load("event", 10, 10, func(d workload.Data) workload.Workload {
		return &workload.Watch{Data: d, Streams: 10, Watchers: s.watchers, PerKey: true}
	})
	l.Data.Keys.Space = 1
	return l
}

// watchMany is a number of puts, not a time: memory is compared after the same work.
func (s scale) watchMany() *turn.Load {
	l := s.load("event", 10, 100, func(d workload.Data) workload.Workload {
		return &workload.Watch{Data: d, Streams: 100, Watchers: s.watchedKeys, PerKey: true}
	})
	l.Data.Keys.Space, l.Ops, l.Duration, l.Warmup = uint64(s.watchedKeys), s.watchedPuts, 0, 0
	return l
}

func (s scale) expiry() *turn.Expiry {
	return &turn.Expiry{Data: s.data(), Clients: s.shared(10, 100), Leases: s.leases, Slack: s.slack, Rate: s.rate}
}

func (s scale) store() *turn.Store {
	return &turn.Store{Data: s.pods(s.storeKeys), Clients: s.shared(100, 1000),
		Revisions: s.storeOld, Limit: s.page, Repeats: s.repeats, Rate: s.rate}
}

// compaction has few keys, so that nearly every version is old.
func (s scale) compaction() *turn.Compaction {
	d := s.data()
	d.Keys.Space = max(1, s.keys/10)
	return &turn.Compaction{Data: d, Clients: s.shared(100, 1000), Old: s.oldVersions, Duration: s.duration, Warmup: s.warmup}
}

func (s scale) aged() *turn.Aged {
	return &turn.Aged{Age: turn.Age{Data: s.pods(0), Live: s.agedLive, History: s.agedHistory},
		Clients: s.shared(100, 1000), Duration: s.duration, Warmup: s.warmup}
}

func (s scale) install() *turn.Install {
	return &turn.Install{Data: s.pods(0), Clients: s.shared(10, 100), Behind: s.behind, Rate: s.rate, Duration: s.duration}
}

func (s scale) kube() *turn.Kube {
	return &turn.Kube{Nodes: s.nodes, Conns: 10, CompactEvery: s.compactEvery, Duration: s.kubeDuration}
}

// size is a number of bytes as a flag: 512MiB, 10GiB.
type size int64

// String implements pflag.Value.
func (s *size) String() string { return humanize.IBytes(uint64(*s)) }

// Type implements pflag.Value.
func (s *size) Type() string { return "bytes" }

// Set implements pflag.Value.
func (s *size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil {
		return fmt.Errorf("%w: a size such as 512MiB: %w", errUsage, err)
	}
	if n > 1<<50 {
		return fmt.Errorf("%w: %s is more than any disk holds", errUsage, text)
	}
	*s = size(n)
	return nil
}

package proxy_test

import (
	"flag"
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/proxy/model"
	"github.com/petcd/petcd/orchestrator/proxy/netlab"
)

var measure = flag.Bool("proxy.measure", false, "measure how long syncs take, in both modes; prints figures")

// many are Services with a port and endpoints each. The first one's endpoints depend on the round.
func many(services, endpoints, round int) map[types.NamespacedName][]model.Port {
	all := map[types.NamespacedName][]model.Port{}
	for i := range services {
		key := types.NamespacedName{Namespace: "default", Name: fmt.Sprintf("service-%d", i)}
		p := model.Port{Service: key, Name: "http", Protocol: v1.ProtocolTCP, Port: 80, ClusterIP: netip.AddrFrom4([4]byte{10, 96, byte(i >> 8), byte(i)})}
		for e := range endpoints {
			n := i*endpoints + e
			if i == 0 {
				n += round * endpoints
			}
			p.Cluster = append(p.Cluster, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 244 + byte(n>>16), byte(n >> 8), byte(n)}), 8080))
		}
		all[key] = []model.Port{p}
	}
	return all
}

func TestMeasure(t *testing.T) {
	if !*measure {
		t.Skip("give -proxy.measure")
	}
	fmt.Println("wall clock/processor time")
	fmt.Printf("%-9s %9s %10s %18s %18s %18s %12s\n", "mode", "services", "endpoints", "first sync", "one change", "service gone", "memory")
	for _, size := range []struct{ services, endpoints int }{{100, 10}, {1000, 10}} {
		for mode := range modes {
			r := &rules{Lab: netlab.New(t, 0), mode: mode}
			r.start(t)
			r.measure(t, size.services, size.endpoints)
		}
	}
}

func (r *rules) measure(t *testing.T, services, endpoints int) {
	site := model.Site{MasqueradeMark: 1 << 14, Pods: model.Pods{Range: netip.MustParsePrefix("10.244.0.0/16")}}
	first := many(services, endpoints, 0)
	sync := func(changed map[types.NamespacedName][]model.Port) cost {
		begun := now(t)
		require.NoError(t, r.Node.Do(func() error { return r.backends[v1.IPv4Protocol].Sync(t.Context(), site, changed) }))
		return now(t).less(begun)
	}
	before := heap()
	whole := sync(first)
	memory := heap() - before
	one := types.NamespacedName{Namespace: "default", Name: "service-0"}
	const rounds = 10
	var change, gone cost
	for round := range rounds {
		change = change.more(sync(map[types.NamespacedName][]model.Port{one: many(1, endpoints, round+1)[one]}))
	}
	for i := range rounds {
		gone = gone.more(sync(map[types.NamespacedName][]model.Port{{Namespace: "default", Name: fmt.Sprintf("service-%d", i)}: nil}))
	}
	fmt.Printf("%-9s %9d %10d %18v %18v %18v %9.1f MB\n", r.mode, services, services*endpoints, whole, change.over(rounds), gone.over(rounds), float64(memory)/(1<<20))
}

// cost is how long something takes, and how much of it processors work for us. On a busy machine they differ much.
type cost struct{ wall, cpu time.Duration }

func now(t *testing.T) cost {
	c := cost{wall: time.Duration(time.Now().UnixNano())}
	for _, whose := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		require.NoError(t, syscall.Getrusage(whose, &u))
		c.cpu += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return c
}

func (c cost) less(d cost) cost { return cost{c.wall - d.wall, c.cpu - d.cpu} }
func (c cost) more(d cost) cost { return cost{c.wall + d.wall, c.cpu + d.cpu} }
func (c cost) over(n int) cost  { return cost{c.wall / time.Duration(n), c.cpu / time.Duration(n)} }

// String implements fmt.Stringer.
func (c cost) String() string {
	return fmt.Sprintf("%v/%v", c.wall.Round(time.Millisecond), c.cpu.Round(time.Millisecond))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

package workload

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/measure"
)

// What a cluster of nodes asks of its store, per node; the shapes are kube-apiserver's.
const (
	podsPerNode         = 10
	podsPerNamespace    = 1000
	podMin, podMax      = 10 << 10, 20 << 10 // bytes
	leaseObject         = 400
	eventObject         = 1000
	renewEvery          = 10 * time.Second  // of a node's lease
	podEvery            = 100 * time.Second // a pod of the node goes and another comes
	updatesPerPod       = 4                 // of its status
	eventEvery          = 20 * time.Second
	listEvery           = 1000 * time.Second // a list of a namespace, in pages
	listLimit           = 500
	eventsPerLease      = 1000
	eventTTL            = 3600 // seconds
	watchersPerThousand = 20   // of all pods, with what was there before
)

// Kube is the traffic of a Kubernetes cluster: leases renewed, pods created, updated and deleted, events, lists in pages, watches,
// compaction. Each kind comes at its own rate, as an open loop.
type Kube struct {
	Nodes        int
	CompactEvery time.Duration
	Seed         uint64

	leases, pods *objects
	stored       atomic.Int64 // bytes of keys and values
	podEvents    atomic.Int64 // that each watcher must see
	watchers     []*podWatcher
	delivered    *measure.Latencies
	compacted    int64 // revision of the compaction to come
	eventLeases  sharedLeases
}

// Kind is one kind of operation with its rate per second.
type Kind struct {
	Name    string
	Rate    float64
	Clients []driver.Client
}

// Validate refuses what cannot be run.
func (k *Kube) Validate() error {
	if k.Nodes < 1 || k.CompactEvery <= 0 {
		return fmt.Errorf("%w: %d nodes, compaction every %v", ErrParameters, k.Nodes, k.CompactEvery)
	}
	return nil
}

// population is how many pods there are at any time.
func (k *Kube) population() uint64 { return uint64(k.Nodes * podsPerNode) }

// Prepare creates the nodes' leases and the pods.
func (k *Kube) Prepare(ctx context.Context, conns []Conn) error {
	values := Values{Kind: Pod, Seed: k.Seed}
	k.leases = &objects{values: values, sizes: [2]int{leaseObject, leaseObject}, stored: &k.stored,
		key: func(i uint64) []byte { return fmt.Appendf(nil, "/registry/leases/kube-node-lease/node-%06d", i) }}
	namespaces := (k.population() + podsPerNamespace - 1) / podsPerNamespace
	k.pods = &objects{values: values, sizes: [2]int{podMin, podMax}, stored: &k.stored, events: &k.podEvents,
		key: func(i uint64) []byte {
			return fmt.Appendf(nil, "%sns-%04d/web-frontend-%010d", podPrefix, i%namespaces, i)
		}}
	for _, fill := range []struct {
		o     *objects
		count uint64
	}{{k.leases, uint64(k.Nodes)}, {k.pods, k.population()}} {
		clients, err := each(conns, max(loadClients, len(conns)), func(_ int, conn Conn) (driver.Client, error) {
			return kubeOp(func(ctx context.Context, n uint64) error { return fill.o.create(ctx, conn, n) }), nil
		})
		if err != nil {
			return err
		}
		if res := driver.Run(ctx, clients, driver.Load{Ops: fill.count}); res.Done != fill.count {
			return fmt.Errorf("workload: create objects: %d of %d: %v", res.Done, fill.count, res.Errors)
		}
	}
	k.stored.Store(0)
	k.podEvents.Store(0)
	return nil
}

// kubeOp makes a function a client.
type kubeOp func(ctx context.Context, n uint64) error

func (f kubeOp) Do(ctx context.Context, n uint64) error { return f(ctx, n) }

// Kinds opens the watches and makes the clients of every kind. Pods are numbered in the order of their creation, and go in that order:
// while pod n goes, pod n + population comes, and those in the middle between them are updated.
func (k *Kube) Kinds(ctx context.Context, conns []Conn) ([]Kind, error) {
	k.delivered = measure.NewLatencies()
	for i := range max(1, k.Nodes*watchersPerThousand/1000) {
		w, err := k.watchPods(ctx, conns[i%len(conns)])
		if err != nil {
			return nil, err
		}
		k.watchers = append(k.watchers, w)
	}
	nodes, all := uint64(k.Nodes), k.population()
	kinds := []Kind{
		k.kind("lease renewal", renewEvery, 1, conns, func(ctx context.Context, conn Conn, n uint64) error {
			return k.leases.update(ctx, conn, n%nodes, n)
		}),
		k.kind("pod create", podEvery, 1, conns, func(ctx context.Context, conn Conn, n uint64) error {
			return k.pods.create(ctx, conn, all+n)
		}),
		k.kind("pod update", podEvery, updatesPerPod, conns, func(ctx context.Context, conn Conn, n uint64) error {
			return k.pods.update(ctx, conn, n/updatesPerPod+all/2+mix(n)%max(1, all/4), n)
		}),
		k.kind("pod delete", podEvery, 1, conns, func(ctx context.Context, conn Conn, n uint64) error {
			return k.pods.delete(ctx, conn, n)
		}),
		k.kind("event create", eventEvery, 1, conns, k.event),
		k.kind("list of a namespace", listEvery, 1, conns, func(ctx context.Context, conn Conn, n uint64) error {
			return listPods(ctx, conn, n%((all+podsPerNamespace-1)/podsPerNamespace))
		}),
	}
	compaction := Kind{Name: "compaction", Rate: 1 / k.CompactEvery.Seconds()}
	compaction.Clients = []driver.Client{kubeOp(func(ctx context.Context, _ uint64) error { return k.compact(ctx, conns[0]) })}
	return append(kinds, compaction), nil
}

// kind makes a client for each connection, and a rate from how often every node causes so many operations.
func (k *Kube) kind(name string, every time.Duration, count int, conns []Conn, do func(context.Context, Conn, uint64) error) Kind {
	kind := Kind{Name: name, Rate: float64(k.Nodes*count) / every.Seconds()}
	for range kubeClientsPerConn {
		for _, conn := range conns {
			kind.Clients = append(kind.Clients, kubeOp(func(ctx context.Context, n uint64) error { return do(ctx, conn, n) }))
		}
	}
	return kind
}

// kubeClientsPerConn is how many requests of a kind a connection may have under way.
const kubeClientsPerConn = 4

// compact does as the apiserver does: it compacts to the revision that was the newest when it compacted last.
func (k *Kube) compact(ctx context.Context, conn Conn) error {
	kv := pb.NewKVClient(conn)
	head, err := kv.Range(ctx, &pb.RangeRequest{Key: []byte("compact_rev_key")})
	if err != nil {
		return err
	}
	revision := k.compacted
	k.compacted = head.Header.GetRevision()
	if revision == 0 {
		return nil
	}
	_, err = kv.Compact(ctx, &pb.CompactionRequest{Revision: revision})
	return err
}

// Stored is how many bytes of keys and values were written since Prepare.
func (k *Kube) Stored() int64 { return k.stored.Load() }

// Delivered is how long events took from the start of the write to the watcher.
func (k *Kube) Delivered() measure.Percentiles { return k.delivered.Percentiles() }

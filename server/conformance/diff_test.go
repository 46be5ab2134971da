package conformance

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/process"
)

// diffOps and diffSeed read PETCD_DIFF_OPS and PETCD_DIFF_SEED; a seed of 0
// draws one.
func diffOps(t *testing.T, otherwise int) int {
	t.Helper()
	s := os.Getenv("PETCD_DIFF_OPS")
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

func diffSeed(t *testing.T) uint64 {
	t.Helper()
	var seed uint64
	if s := os.Getenv("PETCD_DIFF_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	if seed == 0 {
		seed = rand.Uint64N(1_000_000_000) + 1
	}
	t.Logf("PETCD_DIFF_SEED=%d", seed)
	return seed
}

// findTarget returns a target, or ends the test when it is a peer that was not
// fetched.
func findTarget(t *testing.T, name string) target {
	t.Helper()
	b, err := locate(name)
	if name != process.Petcd && err != nil {
		t.Skipf("not compared: %v", err)
	}
	require.NoError(t, err)
	return target{name: name, bin: b.Etcd}
}

// compareTargets runs n operations on two fresh servers.
func compareTargets(t *testing.T, a, b string, seed uint64, n int, prepare func(*differential)) error {
	t.Helper()
	d := newDifferential(startServer(t, findTarget(t, a), 1), startServer(t, findTarget(t, b), 1), seed)
	if prepare != nil {
		prepare(d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*20*time.Millisecond+startTimeout)
	defer cancel()
	err := d.run(ctx, n)
	t.Logf("%s and %s: %d operations, revision %d, compacted %d, %d events", a, b, n, d.gen.revision, d.gen.compacted, len(d.reference))
	return err
}

// TestDifferential compares petcd with etcd 3.7.3: 4,000 operations, or
// PETCD_DIFF_OPS.
func TestDifferential(t *testing.T) {
	seed := diffSeed(t)
	require.NoError(t, compareTargets(t, process.Etcd373, process.Petcd, seed, diffOps(t, 4000), nil))
}

// TestDifferentialOfPeers proves that the comparison asks for nothing that
// depends on a server's timing: two servers of one release agree on it.
func TestDifferentialOfPeers(t *testing.T) {
	if os.Getenv("PETCD_CONFORMANCE") == process.Petcd {
		t.Skip("PETCD_CONFORMANCE leaves the peers out")
	}
	seed := diffSeed(t)
	require.NoError(t, compareTargets(t, process.Etcd373, process.Etcd373, seed, diffOps(t, 1500), nil))
}

// TestDifferentialNoticesDifferences plants one difference of each kind
// between two servers of one release.
func TestDifferentialNoticesDifferences(t *testing.T) {
	for name, plant := range map[string]func(*differential){
		"extra_write": func(d *differential) {
			// Through a stub that the comparison doesn't use for anything else.
			resp := &pb.PutResponse{}
			err := d.b.conn.Invoke(context.Background(), "/etcdserverpb.KV/Put", &pb.PutRequest{Key: []byte("zzz")}, resp)
			require.NoError(t, err)
		},
		"changed_value": func(d *differential) {
			d.b.spoilReply = func(m proto.Message) {
				if r, ok := m.(*pb.RangeResponse); ok && len(r.Kvs) > 3 {
					r.Kvs[3].Value = append(r.Kvs[3].Value, 'x')
				}
			}
		},
		"changed_count": func(d *differential) {
			d.b.spoilReply = func(m proto.Message) {
				if r, ok := m.(*pb.RangeResponse); ok && r.More {
					r.Count++
				}
			}
		},
		"changed_hash": func(d *differential) {
			d.b.spoilReply = func(m proto.Message) {
				if r, ok := m.(*pb.HashKVResponse); ok {
					r.Hash++
				}
			}
		},
		"dropped_event": func(d *differential) {
			d.b.spoilEvent = func(ev *mvccpb.Event) bool { return ev.Kv.ModRevision == 40 }
		},
		"changed_event": func(d *differential) {
			d.a.spoilEvent = func(ev *mvccpb.Event) bool {
				if ev.Kv.ModRevision == 40 {
					ev.Kv.Lease++
				}
				return false
			}
		},
		"event_lost_on_both_sides": func(d *differential) {
			// On each side only the first watch to get the event keeps it, so
			// the sides agree and one of them has to be wrong.
			for _, s := range []*side{d.a, d.b} {
				var seen atomic.Bool // watches are recorded side by side
				s.spoilEvent = func(ev *mvccpb.Event) bool {
					return ev.Kv.ModRevision == 40 && !seen.CompareAndSwap(false, true)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := compareTargets(t, process.Etcd373, process.Etcd373, 1, 1500, func(d *differential) {
				d.patience = 3 * time.Second
				plant(d)
			})
			require.Error(t, err)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			t.Log(err)
		})
	}
}

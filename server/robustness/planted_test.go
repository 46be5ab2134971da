package robustness

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// TestPlantedStaleReadsAreFound gives clients what a member has by itself (serializable reads) where
// they asked for linearizable ones. With members cut off, some of these reads are stale, and a checker
// that finds nothing wrong with them is worth nothing.
func TestPlantedStaleReadsAreFound(t *testing.T) {
	cluster := threeMembers(t)
	c := Campaign{
		Cluster: cluster,
		Seed:    seed(t),
		Traffic: Traffic{Clients: 10, Keys: 4, Pause: 2 * time.Millisecond, Gets: 10, Puts: 5, Swaps: 1},
		Faults:  cutsOnly(),
		Epoch:   4,
		Logf:    t.Logf,
		tamper: func(tr *traffic) {
			tr.read = func(ctx context.Context, member int, key string) (*pb.RangeResponse, error) {
				return pb.NewKVClient(tr.conns[member]).Range(ctx, &pb.RangeRequest{Key: []byte(key), Serializable: true})
			}
		},
	}
	_, err := c.Run(t.Context(), 12, 0, time.Hour)
	requireStaleness(t, err)
	require.NotErrorIs(t, err, ErrHistory, "the writes were right")
}

// TestPlantedStaleReadsOfAPI2AreFound does so with API 2, whose clients must ask for the quorum themselves.
func TestPlantedStaleReadsOfAPI2AreFound(t *testing.T) {
	v2 := v2Load(3)
	if v2.Traffic.Clients == 0 {
		t.Skip("the target has no API 2")
	}
	v2.Traffic = Traffic{Clients: 8, Keys: 3, Pause: 4 * time.Millisecond, Gets: 10, Puts: 4, Swaps: 1}
	c := Campaign{
		Cluster: threeMembers(t),
		Seed:    seed(t),
		V2:      v2,
		Faults:  cutsOnly(),
		Epoch:   3,
		Logf:    t.Logf,
		tamperV2: func(v *v2Epoch) {
			v.traffic.send = func(ctx context.Context, member int, op Operation) (Answer, error) {
				if op.Kind != Get {
					return v.api.request(ctx, member, op)
				}
				r, err := v.api.do(ctx, member, http.MethodGet, op.Key, nil)
				if err != nil {
					return Answer{}, err
				}
				return v2Answer(op, r)
			}
		},
	}
	_, err := c.Run(t.Context(), 12, 0, time.Hour)
	requireStaleness(t, err)
	require.ErrorContains(t, err, "API 2")
	require.NotErrorIs(t, err, ErrHistory, "the writes were right")
}

// requireStaleness demands that a read from the past was found: by its value, or, where that was still the newest, by its revision.
func requireStaleness(t *testing.T, err error) {
	t.Helper()
	require.True(t, errors.Is(err, ErrLinearizability) || errors.Is(err, ErrRevision), "%v", err)
}

// cutsOnly are the faults under which a member goes on answering serializable reads from the past.
func cutsOnly() []Fault {
	var cuts []Fault
	for _, f := range Separations() {
		if f.Name == "cut off one" || f.Name == "cut off the leader" {
			cuts = append(cuts, f)
		}
	}
	return cuts
}

// TestPlantedEndsOfLeasesAreFound revokes leases behind the backs of those who hold them.
func TestPlantedEndsOfLeasesAreFound(t *testing.T) {
	t.Parallel() // it waits more than it works
	cluster := threeMembers(t)
	ctx, stop := context.WithCancel(t.Context())
	var planting sync.WaitGroup
	planting.Go(func() {
		leases := pb.NewLeaseClient(cluster.conns[0])
		for wait(ctx, 20*time.Millisecond) {
			list, err := leases.LeaseLeases(ctx, &pb.LeaseLeasesRequest{})
			for _, l := range list.GetLeases() {
				_, err = leases.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: l.ID})
			}
			_ = err // the next round comes soon
		}
	})
	defer planting.Wait()
	defer stop()
	c := Campaign{Cluster: cluster, Seed: seed(t), Traffic: EtcdLow(), Faults: cutsOnly(), Epoch: 3, Logf: t.Logf}
	_, err := c.Run(t.Context(), 12, 0, time.Hour)
	require.ErrorIs(t, err, ErrLease)
	require.NotErrorIs(t, err, ErrHistory, "the writes were right")
}

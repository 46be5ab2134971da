package replica

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
)

// runReplica runs r until it has published itself.
func runReplica(t *testing.T, r *Replica) {
	t.Helper()
	stop := start(t, r)
	stop()
}

// start runs r until stop is called, and waits until it has published itself.
func start(t testing.TB, r *Replica) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	select {
	case <-r.Ready():
	case err := <-done:
		require.FailNow(t, "the replica ended", "%v", err)
	case <-time.After(20 * time.Second):
		require.FailNow(t, "the replica is not ready")
	}
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func open(t testing.TB) *Replica {
	t.Helper()
	r, err := Open(context.Background(), Config{Member: memberConfig("/data"), FS: vfs.NewMem()})
	require.NoError(t, err)
	return r
}

// putRequest puts a value that does not compress.
func putRequest(key string, size int) *pb.InternalRaftRequest {
	value := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(value)
	return &pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte(key), Value: value}}
}

func TestProposeAfterStopAndTooLarge(t *testing.T) {
	r := open(t)
	stop := start(t, r)
	_, err := r.Propose(t.Context(), putRequest("k", int(r.cfg.Member.MaxRequestBytes)))
	require.ErrorIs(t, err, ErrRequestTooLarge)
	res, err := r.Propose(t.Context(), putRequest("k", 10))
	require.NoError(t, err)
	require.NoError(t, res.Err)
	require.EqualValues(t, 2, res.Resp.(*pb.PutResponse).Header.Revision)
	stop()
	_, err = r.Propose(t.Context(), putRequest("k", 10))
	require.ErrorIs(t, err, ErrStopped)
	require.ErrorIs(t, r.ReadBarrier(t.Context()), ErrStopped)
	require.NoError(t, r.Close())
}

func TestQuotaRaisesAndLowersItsAlarm(t *testing.T) {
	c := memberConfig("/data")
	c.QuotaBytes = 2 << 20
	r, err := Open(t.Context(), Config{Member: c, FS: vfs.NewMem()})
	require.NoError(t, err)
	stop := start(t, r)
	defer func() {
		stop()
		require.NoError(t, r.Close())
	}()
	raised := func() bool { return len(r.Alarms(pb.AlarmType_NOSPACE)) > 0 }
	for i := 0; !raised(); i++ {
		require.Less(t, i, 100, "the quota is never exceeded")
		req := putRequest(string(rune('a'+i)), 200<<10)
		if err := r.CheckQuota(t.Context(), req); err != nil {
			require.ErrorIs(t, err, apply.ErrNoSpace)
			continue
		}
		res, err := r.Propose(t.Context(), req)
		require.NoError(t, err)
		if res.Err != nil {
			require.ErrorIs(t, res.Err, apply.ErrNoSpace)
			require.True(t, raised(), "who learns of the refusal sees the alarm")
		}
		time.Sleep(quotaInterval / 20) // what is volatile is looked at in intervals
	}
	res, err := r.Propose(t.Context(), putRequest("k", 10))
	require.NoError(t, err)
	require.ErrorIs(t, res.Err, apply.ErrNoSpace)

	r.quota.max.Store(200 << 20) // as if a compaction had freed it
	require.Eventually(t, func() bool { return !raised() }, 20*time.Second, 10*time.Millisecond)
	res, err = r.Propose(t.Context(), putRequest("k", 10))
	require.NoError(t, err)
	require.NoError(t, res.Err)
}

// An alarm that is being raised is not up yet, and is the quota's all the same.
func TestAnAlarmOnItsWayIsTheQuotas(t *testing.T) {
	r := open(t)
	stop := start(t, r)
	require.False(t, r.quota.isMine(true))
	r.quota.beginRaising(false)
	require.True(t, r.quota.isMine(true), "as when an alarm before it was lowered a moment ago")
	r.quota.raise(t.Context())
	require.True(t, r.quota.isMine(true))
	stop()
	require.NoError(t, r.Close())
}

func TestAnOperatorsAlarmStaysUp(t *testing.T) {
	r := open(t)
	stop := start(t, r)
	req := &pb.AlarmRequest{MemberID: r.cluster.LocalID(), Action: pb.AlarmRequest_ACTIVATE, Alarm: pb.AlarmType_NOSPACE}
	_, err := r.Propose(t.Context(), &pb.InternalRaftRequest{Alarm: req})
	require.NoError(t, err)
	require.Never(t, func() bool { return len(r.Alarms(pb.AlarmType_NOSPACE)) == 0 }, 2*quotaInterval, quotaInterval/10)
	stop()
	require.NoError(t, r.Close())
}

func TestRequestErrors(t *testing.T) {
	r := open(t)
	start := time.Now()
	require.ErrorIs(t, r.requestError(context.Canceled, start), ErrCanceled)
	require.ErrorIs(t, r.requestError(context.DeadlineExceeded, start), ErrTimeout)
	r.leader.electedAt, r.leader.lostFor = start.Add(time.Second), 3*time.Second
	require.ErrorIs(t, r.requestError(context.DeadlineExceeded, start), ErrTimeoutLeaderFail)
	other := errors.New("other")
	require.ErrorIs(t, r.requestError(other, start), other)
	require.NoError(t, r.Close())
}

func BenchmarkPropose(b *testing.B) {
	r := open(b)
	stop := start(b, r)
	b.SetParallelism(500)
	b.ReportAllocs()
	b.ResetTimer()
	value := putRequest("key", 256).Put.Value
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			req := &pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte("key"), Value: value}}
			res, err := r.Propose(context.Background(), req)
			if err != nil || res.Err != nil {
				b.Error(err, res)
				return
			}
		}
	})
	b.StopTimer()
	stop()
	require.NoError(b, r.Close())
}

// TestDamagedPeersAreFoundFirst checks that nothing is opened that the error would leave open.
func TestDamagedPeersAreFoundFirst(t *testing.T) {
	r := open(t)
	before := r.transport
	require.ErrorIs(t, r.assemble(&identity{MemberID: 1, Peers: []byte("{")}), ErrCorrupt)
	require.Same(t, before, r.transport)
	require.NoError(t, r.Close())
}

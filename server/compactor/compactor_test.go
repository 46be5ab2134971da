package compactor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/replica"
)

// counter is a replica whose revision is the number of minutes since it was made, and which remembers compactions.
type counter struct {
	start     time.Time
	leader    bool
	compacted []int64
}

func (c *counter) Propose(_ context.Context, r *pb.InternalRaftRequest) (*apply.Result, error) {
	c.compacted = append(c.compacted, r.Compaction.Revision)
	return &apply.Result{}, nil
}
func (c *counter) Status() replica.Status { return replica.Status{IsLeader: c.leader} }
func (c *counter) Revision() int64        { return int64(time.Since(c.start)/time.Minute) + 1 }

func runFor(t *testing.T, c Config, leader bool, d time.Duration) (compacted []int64) {
	synctest.Test(t, func(t *testing.T) {
		r := &counter{start: time.Now(), leader: leader}
		ctx, cancel := context.WithCancel(t.Context())
		go Run(ctx, r, c)
		time.Sleep(d) // the bubble's clock
		synctest.Wait()
		cancel()
		synctest.Wait()
		compacted = r.compacted
	})
	return compacted
}

func TestPeriodicKeepsThePeriod(t *testing.T) {
	got := runFor(t, Config{Period: 5 * time.Hour}, true, 8*time.Hour+time.Minute)
	require.Len(t, got, 3, "one when five hours have been seen, then one an hour: %v", got)
	for i, revision := range got {
		now := int64(5*60 + 60*i + 60) // latest minute at which it may have been proposed
		require.LessOrEqual(t, revision, now-5*60+1, "compaction %d went into the period", i)
	}
}

func TestPeriodicShorterThanAnHour(t *testing.T) {
	got := runFor(t, Config{Period: 10 * time.Minute}, true, 41*time.Minute)
	require.GreaterOrEqual(t, len(got), 3, "once per period: %v", got)
	require.Less(t, got[0], int64(12))
}

func TestRevisionsKeepsTheNewest(t *testing.T) {
	got := runFor(t, Config{Revisions: 7}, true, 16*time.Minute)
	require.Equal(t, []int64{4, 9}, got, "at 10 and 15 minutes; at 5 there is nothing to compact")
}

func TestFollowerDoesNotCompact(t *testing.T) {
	require.Empty(t, runFor(t, Config{Period: 10 * time.Minute}, false, 3*time.Hour))
	require.Empty(t, runFor(t, Config{Revisions: 7}, false, 3*time.Hour))
}

func TestNothingToDo(t *testing.T) {
	require.Empty(t, runFor(t, Config{}, true, time.Hour))
}

package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReadsWaitForTheState lets the state seem to be behind what is committed.
func TestReadsWaitForTheState(t *testing.T) {
	const patience, pollEvery = 20 * time.Second, time.Millisecond
	r := open(t)
	stop := start(t, r)
	require.Eventually(t, func() bool { return r.cluster.Version() != nil }, patience, pollEvery)
	<-r.ready // the version and the member are published: the last entry of a start is applied
	require.Eventually(t, func() bool { return r.LeadsNow(true) && r.LeadsNow(false) }, patience, pollEvery)
	applied := r.applied.index.Swap(0)
	require.False(t, r.LeadsNow(true) || r.LeadsNow(false))
	read := make(chan error, 1)
	go func() { read <- r.ReadBarrier(t.Context()) }()
	// Who decides the cluster's version may wait as well.
	require.Eventually(t, func() bool { return r.applied.waiting.Load() >= 1 }, patience, pollEvery)
	require.Empty(t, read)
	r.applied.advance(applied)
	require.NoError(t, <-read)
	stop()
	require.NoError(t, r.Close())
}

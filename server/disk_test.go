package server_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/servertest"
	"github.com/petcd/petcd/storage"
)

// fullDisk is a disk on which new tables of the state find no space, while full holds the name of its member.
type fullDisk struct {
	vfs.FS
	name string
	full *atomic.Value
}

// Create implements vfs.FS.
func (d fullDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasSuffix(name, ".sst") && strings.Contains(name, "/state/") && d.full.Load() == d.name {
		return nil, syscall.ENOSPC
	}
	return d.FS.Create(name, c)
}

// Unwrap implements vfs.FS.
func (d fullDisk) Unwrap() vfs.FS { return d.FS }

func TestLeaderWithAFullStateDiskGivesUp(t *testing.T) {
	var full atomic.Value
	full.Store("")
	c := servertest.Start(t, 3, servertest.WithFS(func(m *servertest.Member, fs vfs.FS) vfs.FS {
		return fullDisk{fs, m.Config.Name, &full}
	}), servertest.WithConfig(func(c *config.Config) { c.ListenMetricsURLs = freeURL() }))
	fillKeys(t, c, c.Client(), 0, 20)
	old := c.Leader()
	store := old.Server.Replica().Store()
	require.NoError(t, store.Flush())
	full.Store(old.Config.Name)
	fillKeys(t, c, c.Client(old), 20, 21)

	require.ErrorIs(t, store.Flush(), storage.ErrDiskFailing, "it doesn't wait until there is space")
	_, err := store.Snapshot()
	require.ErrorIs(t, err, storage.ErrDiskFailing)
	c.Eventually(func() bool { return !old.Server.Replica().Status().IsLeader }, "leadership moves")
	leader := c.Leader()
	require.NotEqual(t, old, leader)
	fillKeys(t, c, c.Client(leader), 21, 30)
	status, body := get(t, old, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "[-]state_disk failed")
	require.Contains(t, body, "no space left")
	status, _ = get(t, leader, "/readyz")
	require.Equal(t, http.StatusOK, status)

	full.Store("")
	c.Eventually(func() bool { return store.Health() == nil }, "the disk works again")
	require.NoError(t, store.Flush())
	status, body = get(t, old, "/readyz")
	require.Equal(t, http.StatusOK, status, body)
}

// An I/O error of the state's disk ends the member, as one of the log's does; the others serve on.
func TestMemberWhoseStateDiskFailsEnds(t *testing.T) {
	var broken atomic.Value
	broken.Store("")
	c := servertest.Start(t, 3, servertest.WithFS(func(m *servertest.Member, fs vfs.FS) vfs.FS {
		return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
			if sync && strings.Contains(op.Path, "/state/") && strings.HasSuffix(op.Path, ".sst") && broken.Load() == m.Config.Name {
				return syscall.EIO
			}
			return nil
		}))
	}))
	fillKeys(t, c, c.Client(), 0, 20)
	old := c.Leader()
	broken.Store(old.Config.Name)
	require.ErrorIs(t, old.Server.Replica().Store().Flush(), storage.ErrDiskFailing)
	select {
	case err := <-old.Server.Err():
		require.ErrorIs(t, err, syscall.EIO)
	case <-c.Context().Done():
		require.FailNow(t, "the member goes on")
	}
	require.NoError(t, old.Server.Close())
	old.Server = nil
	_, err := old.FS.Stat("/data/member/damaged")
	require.NoError(t, err, "the next start makes the state anew, as what can't be read stays so")
	fillKeys(t, c, c.Client(c.Leader()), 20, 30)
	broken.Store("")
	old.Restart()
	requireEqualHashes(t, c)
}

// brokenManifest is a disk that refuses the state's manifest once broken is set.
type brokenManifest struct {
	vfs.FS
	broken *atomic.Bool
}

// Create implements vfs.FS.
func (d brokenManifest) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	if err != nil || !strings.Contains(name, "/state/") || !strings.Contains(name, "MANIFEST") {
		return f, err
	}
	return brokenFile{f, d.broken}, nil
}

// Unwrap implements vfs.FS.
func (d brokenManifest) Unwrap() vfs.FS { return d.FS }

// brokenFile is a file that can't be synced once broken is set.
type brokenFile struct {
	vfs.File
	broken *atomic.Bool
}

// Sync implements vfs.File.
func (f brokenFile) Sync() error {
	if f.broken.Load() {
		return syscall.EIO
	}
	return f.File.Sync()
}

// withBrokenManifest starts a member, has something in its state, and lets its manifest fail from now on.
func withBrokenManifest(t *testing.T) (*servertest.Cluster, *servertest.Member) {
	t.Helper()
	var broken atomic.Bool
	c := servertest.Start(t, 1, servertest.WithFS(func(_ *servertest.Member, fs vfs.FS) vfs.FS { return brokenManifest{fs, &broken} }))
	fillKeys(t, c, c.Client(), 0, 10)
	broken.Store(true)
	return c, c.Members[0]
}

func TestMemberWhoseStateCannotGoOnEndsWithTheReason(t *testing.T) {
	c, m := withBrokenManifest(t)
	go func() { _ = m.Server.Replica().Store().Flush() }()
	select {
	case err := <-m.Server.Err():
		require.ErrorIs(t, err, storage.ErrFatal)
		require.ErrorContains(t, err, "MANIFEST")
	case <-c.Context().Done():
		require.FailNow(t, "the member goes on")
	}
	require.Error(t, m.Server.Close(), "it says that it could not close its state")
	m.Server = nil
}

// A stop that only then learns that the state cannot be written ends all the same.
func TestMemberWhoseStateCannotGoOnStops(t *testing.T) {
	_, m := withBrokenManifest(t)
	require.Error(t, m.Server.Close(), "it says that it could not close its state")
	m.Server = nil
}

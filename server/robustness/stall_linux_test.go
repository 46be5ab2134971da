package robustness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/petcd/petcd/server/process"
)

const (
	fifreeze = 0xc0045877 // FIFREEZE: whatever writes to the file system, or syncs it, hangs until
	fithaw   = 0xc0045878 // FITHAW

	stallWriters = 8
	stallLeases  = 20
	stallTTL     = 5 // seconds, less than a stall of default length takes
	attemptMax   = time.Second
)

// frozen is a file system that can be made to hang.
type frozen struct {
	dir string
}

// newFrozen makes an ext4 in a file and mounts it at dir.
func newFrozen(t *testing.T, dir string) *frozen {
	t.Helper()
	image := dir + ".image"
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, diskBytes))
	require.NoError(t, command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0", image))
	require.NoError(t, command("mount", "-o", "loop", image, dir))
	t.Cleanup(func() { require.NoError(t, command("umount", dir)) })
	return &frozen{dir}
}

// set freezes the file system or lets it go on.
func (f *frozen) set(request uint) error {
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.IoctlSetInt(int(d.Fd()), request, 0); err != nil {
		return fmt.Errorf("robustness: freeze or thaw %s: %w", f.dir, err)
	}
	return nil
}

// stallCase is one line of the table: a server, and which of its files are on the disk that hangs.
type stallCase struct {
	target, disk string
	failover     bool
}

// stallResult is what clients saw of it.
type stallResult struct {
	writes, failed int
	p50, p99, max  time.Duration
	leader         time.Duration // until the others had a new leader; 0: none was needed
	leasesLost     int
	writesLost     int
}

// TestDiskStall lets the disk of the leader hang under load, for real: a frozen ext4, in which every write and sync waits. Writes go
// on, no lease ends, and nothing that was acknowledged is lost. PETCD_STALL is how long it hangs; the real etcd is
// measured beside, and a table printed.
func TestDiskStall(t *testing.T) {
	text := os.Getenv("PETCD_STALL")
	if text == "" {
		t.Skip("takes minutes: set PETCD_STALL to how long the disk shall stand still")
	}
	if !alone(t, unix.CLONE_NEWNS) {
		return
	}
	stall, err := time.ParseDuration(text)
	require.NoError(t, err, "PETCD_STALL")
	cases := []stallCase{
		{process.Petcd, "log", false}, {process.Petcd, "log", true}, {process.Etcd373, "log", false},
		{process.Petcd, "state", false}, {process.Etcd373, "state", false},
		{process.Petcd, "both", false}, {process.Etcd373, "both", false},
	}
	lines := []string{fmt.Sprintf("%-8s %-6s %-8s %7s %7s %9s %9s %9s %11s %7s %7s", "server", "disk", "failover", "writes", "retried",
		"p50", "p99", "max", "new leader", "leases", "writes")}
	for _, k := range cases {
		t.Run(fmt.Sprintf("%s/%s/failover=%v", k.target, k.disk, k.failover), func(t *testing.T) {
			r := runStall(t, k, stall)
			ms := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
			lines = append(lines, fmt.Sprintf("%-8s %-6s %-8v %7d %7d %9s %9s %9s %11s %4d lost %2d lost", k.target, k.disk, k.failover,
				r.writes, r.failed, ms(r.p50), ms(r.p99), ms(r.max), ms(r.leader), r.leasesLost, r.writesLost))
			if k.target == process.Petcd {
				require.Zero(t, r.leasesLost, "leases that were kept alive ended")
				require.Zero(t, r.writesLost, "acknowledged writes are gone")
				require.False(t, k.failover && r.leader > 0, "with another disk at hand leadership stays")
			}
		})
	}
	t.Logf("the leader's disk hangs for %v, %d writers:", stall, stallWriters)
	for _, l := range lines {
		t.Log(l)
	}
}

// runStall starts a cluster whose files are as the case says, and lets the leader's disk hang.
func runStall(t *testing.T, k stallCase, stall time.Duration) (r stallResult) {
	root := t.TempDir()
	b, err := process.Locate(t.Context(), k.target, root)
	if err != nil {
		t.Skip(err)
	}
	var disks []*frozen
	for i := range 3 {
		disks = append(disks, newFrozen(t, filepath.Join(root, fmt.Sprintf("disk%d", i))))
	}
	cluster, err := process.Start(t.Context(), process.Config{
		Binary: b.Etcd, Members: 3, Root: root, Flags: []string{"--logger=zap"},
		MemberFlags: func(i int) (flags []string) {
			well := filepath.Join(root, fmt.Sprintf("m%d", i))
			if k.disk != "log" {
				flags = append(flags, "--data-dir="+filepath.Join(disks[i].dir, "data"))
			}
			switch k.disk {
			case "log":
				flags = append(flags, "--wal-dir="+filepath.Join(disks[i].dir, "wal"))
			case "state":
				flags = append(flags, "--wal-dir="+filepath.Join(well, "wal"))
			}
			if k.failover {
				flags = append(flags, "--wal-failover-dir="+filepath.Join(well, "failover"))
			}
			return flags
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	load := newStallLoad(t, cluster)
	defer load.stop()

	leader := load.leader(-1)
	began := time.Now()
	require.NoError(t, disks[leader].set(fifreeze))
	thawed := false
	thaw := func() {
		if !thawed {
			thawed = true
			require.NoError(t, disks[leader].set(fithaw))
		}
	}
	defer thaw() // a frozen disk can't be unmounted
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for time.Since(began) < stall {
			if load.leader(leader) >= 0 {
				r.leader = time.Since(began)
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	time.Sleep(stall)
	<-watched
	thaw()
	ended := time.Now()
	time.Sleep(2 * time.Second) // what waited for the disk is answered, or not
	load.stop()
	load.count(t, &r, began, ended)
	return r
}

// stallLoad is writers that put ever new keys, and leases that are kept alive with a key each.
type stallLoad struct {
	clients []*clientv3.Client
	all     *clientv3.Client
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	once    sync.Once

	mu     sync.Mutex
	writes []stallWrite
}

// stallWrite is a write, from its first attempt until it was acknowledged.
type stallWrite struct {
	key    string
	at     time.Time
	took   time.Duration
	failed int // attempts
}

// newStallLoad starts the load and waits until it runs.
func newStallLoad(t *testing.T, c *process.Cluster) *stallLoad {
	t.Helper()
	dial := func(endpoints ...string) *clientv3.Client {
		client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	l := &stallLoad{all: dial(c.Endpoints()...)}
	for _, e := range c.Endpoints() {
		l.clients = append(l.clients, dial(e))
	}
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	for i := range stallLeases {
		lease, err := l.all.Grant(ctx, stallTTL)
		require.NoError(t, err)
		_, err = l.all.Put(ctx, fmt.Sprintf("lease/%d", i), "", clientv3.WithLease(lease.ID))
		require.NoError(t, err)
		alive, err := l.all.KeepAlive(ctx, lease.ID)
		require.NoError(t, err)
		l.wg.Go(func() {
			for range alive {
			}
		})
	}
	for w := range stallWriters {
		l.wg.Go(func() { l.write(ctx, w) })
	}
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.writes) > 100
	}, time.Minute, 10*time.Millisecond)
	return l
}

// write puts one key after the other. Like a client with any sense it asks another member when one does not answer.
func (l *stallLoad) write(ctx context.Context, w int) {
	at := w
	for n := 0; ctx.Err() == nil; n++ {
		put := stallWrite{key: fmt.Sprintf("w/%d/%d", w, n), at: time.Now()}
		for ctx.Err() == nil {
			attempt, cancel := context.WithTimeout(ctx, attemptMax)
			_, err := l.clients[at%3].Put(attempt, put.key, "x")
			cancel()
			if err == nil {
				put.took = time.Since(put.at)
				l.mu.Lock()
				l.writes = append(l.writes, put)
				l.mu.Unlock()
				break
			}
			put.failed++
			at++
		}
	}
}

// leader is the position of the member that the others take for their leader; -1 when there is none. Except is asked nothing, nor
// counted: it may not know yet.
func (l *stallLoad) leader(except int) int {
	ids := map[uint64]int{}
	lead := uint64(0)
	for i, client := range l.clients {
		if i == except {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), attemptMax)
		st, err := pb.NewMaintenanceClient(client.ActiveConnection()).Status(ctx, &pb.StatusRequest{})
		cancel()
		if err != nil {
			return -1
		}
		ids[st.Header.GetMemberId()] = i
		lead = st.Leader
	}
	if i, ok := ids[lead]; ok {
		return i
	}
	return -1
}

// stop ends the load.
func (l *stallLoad) stop() {
	l.once.Do(func() {
		l.cancel()
		l.wg.Wait()
	})
}

// count adds up what came of the writes that were under way during the stall, and looks for all that were acknowledged.
func (l *stallLoad) count(t *testing.T, r *stallResult, began, ended time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	leases, err := l.all.Get(ctx, "lease/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	require.NoError(t, err)
	r.leasesLost = stallLeases - int(leases.Count)
	got, err := l.all.Get(ctx, "w/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	require.NoError(t, err)
	there := map[string]bool{}
	for _, kv := range got.Kvs {
		there[string(kv.Key)] = true
	}
	var took []time.Duration
	for _, w := range l.writes {
		if !there[w.key] {
			r.writesLost++
		}
		if w.at.Before(ended) && w.at.Add(w.took).After(began) {
			took = append(took, w.took)
			r.failed += w.failed
		}
	}
	require.NotEmpty(t, took)
	slices.Sort(took)
	r.writes = len(took)
	r.p50, r.p99, r.max = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
}

package backup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/process"
)

// startTimeout bounds the start of a cluster, on a busy machine too.
const startTimeout = time.Minute

// rootPassword is that of the user root that every history ends with.
const rootPassword = "the-root-password"

// locate finds a target's binaries; the test is skipped when a real etcd isn't there.
func locate(t *testing.T, target string) process.Binaries {
	t.Helper()
	if target == process.Petcd {
		b, err := petcd()
		require.NoError(t, err)
		return b
	}
	b, err := process.Locate(t.Context(), target, t.TempDir())
	if errors.Is(err, process.ErrNoBinary) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return b
}

// reserve makes a cluster that does not run yet.
func reserve(t *testing.T, b process.Binaries, members int, flags ...string) *process.Cluster {
	t.Helper()
	c, err := process.New(process.Config{Binary: b.Etcd, Members: members, Root: t.TempDir(), Flags: flags})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// start runs a cluster.
func start(t *testing.T, c *process.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	require.NoError(t, c.StartAll())
	if err := c.WaitHealthy(ctx); err != nil {
		t.Fatalf("%v\n%s", err, c.Member(0).LogTail(20))
	}
}

// initialCluster is the flag of that name.
func initialCluster(c *process.Cluster) string {
	var all []string
	for _, m := range c.Members() {
		all = append(all, m.Name+"="+m.AdvertisePeerURL)
	}
	return strings.Join(all, ",")
}

// client connects to one member, as root when authentication is on.
func client(t *testing.T, m *process.Member, asRoot bool) *clientv3.Client {
	t.Helper()
	cfg := clientv3.Config{Endpoints: []string{m.ClientURL}, DialTimeout: startTimeout, Logger: zap.NewNop()}
	if asRoot {
		cfg.Username, cfg.Password = "root", rootPassword
	}
	cli, err := clientv3.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cli.Close() }) // the member may be gone
	return cli
}

// writeHistory writes random puts, deletes, transactions, leases and
// compactions, and then users and roles.
func writeHistory(t *testing.T, cli *clientv3.Client, seed uint64) {
	t.Helper()
	ctx, rng := t.Context(), rand.New(rand.NewPCG(seed, 0))
	key := func() string { return fmt.Sprintf("key/%02d", rng.IntN(30)) }
	var leases []clientv3.LeaseID
	for range 4 {
		l, err := cli.Grant(ctx, int64(600+rng.IntN(1000)))
		require.NoError(t, err)
		leases = append(leases, l.ID)
	}
	put := func() clientv3.Op {
		var opts []clientv3.OpOption
		if rng.IntN(3) == 0 {
			opts = append(opts, clientv3.WithLease(leases[rng.IntN(len(leases))]))
		}
		return clientv3.OpPut(key(), strings.Repeat("v", rng.IntN(200)), opts...)
	}
	compacted := int64(0)
	for i := range 300 {
		var err error
		switch n := rng.IntN(20); {
		case n < 12:
			_, err = cli.Do(ctx, put())
		case n < 15:
			_, err = cli.Delete(ctx, key())
		case n < 16:
			_, err = cli.Delete(ctx, "key/1", clientv3.WithPrefix())
		default:
			// Two prefixes, so that no key is put twice.
			_, err = cli.Txn(ctx).Then(clientv3.OpPut("txn/"+key(), "t"), clientv3.OpDelete("txn/key/2", clientv3.WithPrefix()), put()).Commit()
			if err != nil && strings.Contains(err.Error(), "duplicate key") {
				err = nil
			}
		}
		require.NoError(t, err)
		if i == 100 || i == 200 {
			r, err := cli.Get(ctx, "key/00")
			require.NoError(t, err)
			compacted = r.Header.Revision - int64(rng.IntN(40))
			_, err = cli.Compact(ctx, compacted, clientv3.WithCompactPhysical())
			require.NoError(t, err)
		}
	}
	_, err := cli.Revoke(ctx, leases[3])
	require.NoError(t, err)
	writeUsers(t, cli)
}

// writeUsers makes users and roles and turns authentication on.
func writeUsers(t *testing.T, cli *clientv3.Client) {
	t.Helper()
	ctx := t.Context()
	var errs []error
	note := func(_ any, err error) { errs = append(errs, err) }
	note(cli.UserAdd(ctx, "root", rootPassword))
	note(cli.RoleAdd(ctx, "root"))
	note(cli.UserGrantRole(ctx, "root", "root"))
	note(cli.UserAdd(ctx, "reader", "reader-password"))
	note(cli.RoleAdd(ctx, "readers"))
	note(cli.RoleGrantPermission(ctx, "readers", "key/", clientv3.GetPrefixRangeEnd("key/"), clientv3.PermissionType(clientv3.PermRead)))
	note(cli.RoleGrantPermission(ctx, "readers", "own", "", clientv3.PermissionType(clientv3.PermReadWrite)))
	note(cli.UserGrantRole(ctx, "reader", "readers"))
	note(cli.AuthEnable(ctx))
	require.NoError(t, errors.Join(errs...))
}

// observation is all that a client can see of a member's data.
type observation struct {
	Revision int64
	Compact  int64
	KVs      []string
	Old      []string // the keys at an older revision
	Hashes   []string
	Leases   []string
	Events   []string
	Users    []string
	Auth     uint64 // revision
}

// observe looks at everything. Revisions from first on are hashed and watched.
func observe(t *testing.T, m *process.Member) observation {
	t.Helper()
	cli := client(t, m, true)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	all, err := cli.Get(ctx, "\x00", clientv3.WithFromKey())
	require.NoError(t, err)
	o := observation{Revision: all.Header.Revision}
	for _, kv := range all.Kvs {
		o.KVs = append(o.KVs, kv.String())
	}
	latest, err := cli.HashKV(ctx, m.ClientURL, 0)
	require.NoError(t, err)
	o.Compact = latest.CompactRevision
	old, err := cli.Get(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithRev((o.Compact+o.Revision)/2))
	require.NoError(t, err)
	for _, kv := range old.Kvs {
		o.Old = append(o.Old, kv.String())
	}
	// Not at the compact revision itself: there etcd answers from a cache that a compaction does not touch.
	for r := o.Compact + 1; r <= o.Revision; r += 1 + (o.Revision-o.Compact)/10 {
		h, err := cli.HashKV(ctx, m.ClientURL, r)
		require.NoError(t, err)
		o.Hashes = append(o.Hashes, fmt.Sprintf("%d: %d", r, h.Hash))
	}
	o.observeLeases(t, ctx, cli)
	o.observeEvents(t, ctx, cli)
	o.observeUsers(t, ctx, cli)
	return o
}

func (o *observation) observeLeases(t *testing.T, ctx context.Context, cli *clientv3.Client) {
	leases, err := cli.Leases(ctx)
	require.NoError(t, err)
	for _, l := range leases.Leases {
		ttl, err := cli.TimeToLive(ctx, l.ID, clientv3.WithAttachedKeys())
		require.NoError(t, err)
		require.Positive(t, ttl.TTL)
		sort.Slice(ttl.Keys, func(i, j int) bool { return string(ttl.Keys[i]) < string(ttl.Keys[j]) })
		o.Leases = append(o.Leases, fmt.Sprintf("%x of %d s: %q", l.ID, ttl.GrantedTTL, ttl.Keys))
	}
	sort.Strings(o.Leases)
}

// observeEvents watches from the first revision that can be, to the newest.
func (o *observation) observeEvents(t *testing.T, ctx context.Context, cli *clientv3.Client) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	last := int64(0)
	for r := range cli.Watch(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithRev(o.Compact+1), clientv3.WithPrevKV()) {
		require.NoError(t, r.Err())
		for _, e := range r.Events {
			o.Events = append(o.Events, fmt.Sprintf("%v %v %v", e.Type, e.Kv, e.PrevKv))
			last = e.Kv.ModRevision
		}
		if last >= o.Revision {
			return
		}
	}
	t.Fatalf("the watch ended at revision %d of %d", last, o.Revision)
}

func (o *observation) observeUsers(t *testing.T, ctx context.Context, cli *clientv3.Client) {
	users, err := cli.UserList(ctx)
	require.NoError(t, err)
	for _, name := range users.Users {
		u, err := cli.UserGet(ctx, name)
		require.NoError(t, err)
		o.Users = append(o.Users, fmt.Sprintf("user %s: %v", name, u.Roles))
	}
	roles, err := cli.RoleList(ctx)
	require.NoError(t, err)
	for _, name := range roles.Roles {
		if name == "root" {
			continue // 3.4 shows it without permissions, later ones with all
		}
		r, err := cli.RoleGet(ctx, name)
		require.NoError(t, err)
		o.Users = append(o.Users, fmt.Sprintf("role %s: %v", name, r.Perm))
	}
	// Its password's hash came over.
	reader, err := clientv3.New(clientv3.Config{Endpoints: cli.Endpoints(), Username: "reader", Password: "reader-password", Logger: zap.NewNop()})
	require.NoError(t, err)
	defer reader.Close()
	_, err = reader.Get(ctx, "key/00")
	require.NoError(t, err)
	_, err = reader.Get(ctx, "txn/key/00")
	require.ErrorContains(t, err, "permission denied")
}

// save writes a member's snapshot to a file, as its server sends it.
func save(t *testing.T, m *process.Member) string {
	t.Helper()
	r, err := client(t, m, true).Snapshot(t.Context())
	require.NoError(t, err)
	defer r.Close()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = io.Copy(f, r)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return path
}

// restoreEtcd has a real etcd's own tool restore a file for a cluster of one.
func restoreEtcd(t *testing.T, b process.Binaries, path string, c *process.Cluster) {
	t.Helper()
	tool := filepath.Join(filepath.Dir(b.Etcd), "etcdutl") // since 3.5
	if _, err := os.Stat(tool); err != nil {
		tool = b.Etcdctl
	}
	m := c.Member(0)
	cmd := exec.CommandContext(t.Context(), tool, "snapshot", "restore", path, "--data-dir", m.DataDir, "--name", m.Name,
		"--initial-cluster", initialCluster(c), "--initial-cluster-token", "process", "--initial-advertise-peer-urls", m.AdvertisePeerURL)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=3")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/petcd/petcd/server/process"
)

const (
	mirrorWriters = 8
	mirrorOps     = 300 // of each writer
)

// TestMirrorUnderLoad moves keys between petcd and each real etcd by
// make-mirror, in both directions, by petcd's etcdctl and by the real one,
// while they are written: in the end both sides hold the same.
func TestMirrorUnderLoad(t *testing.T) {
	mine, err := locate(process.Petcd)
	require.NoError(t, err)
	own, err := ownEtcdctl()
	require.NoError(t, err)
	for _, version := range []string{process.Etcd34, process.Etcd373} {
		peer, err := locate(version)
		if err != nil {
			t.Logf("not mirrored with %s: %v", version, err)
			continue
		}
		petcd := startServer(t, target{process.Petcd, mine.Etcd}, 1)
		etcd := startServer(t, target{version, peer.Etcd}, 1)
		t.Run("petcd_to_"+version, func(t *testing.T) { mirrorUnderLoad(t, petcd, etcd, own, "by-petcd/") })
		t.Run(version+"_to_petcd", func(t *testing.T) { mirrorUnderLoad(t, etcd, petcd, own, "back-by-petcd/") })
		t.Run("petcd_to_"+version+"_by_its_etcdctl", func(t *testing.T) { mirrorUnderLoad(t, petcd, etcd, peer.Etcdctl, "by-etcd/") })
		t.Run(version+"_to_petcd_by_its_etcdctl", func(t *testing.T) { mirrorUnderLoad(t, etcd, petcd, peer.Etcdctl, "back-by-etcd/") })
	}
}

func mirrorUnderLoad(t *testing.T, from, to *server, etcdctl, prefix string) {
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for i := range 50 {
		_, err := from.client.Put(ctx, fmt.Sprintf("%sbefore/%d", prefix, i), "there before")
		require.NoError(t, err)
	}
	endpoint := func(s *server) string { return strings.TrimPrefix(s.cluster.Member(0).ClientURL, "http://") }
	cmd := ctl{bin: etcdctl, endpoint: endpoint(from)}.command(ctx, "make-mirror", "--prefix", prefix, endpoint(to))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())

	var writers sync.WaitGroup
	for w := range mirrorWriters {
		writers.Go(func() { mirrorTraffic(t, ctx, from.client, prefix, uint64(w)) })
	}
	writers.Wait()
	_, err := from.client.Put(ctx, prefix+"last", "written")
	require.NoError(t, err)

	e := &env{server: to, ctx: ctx}
	e.until(t, "the last key to arrive", func() bool {
		got, err := to.client.Get(ctx, prefix+"last")
		return err == nil && len(got.Kvs) == 1
	})
	require.Equal(t, pairs(t, ctx, from.client, prefix), pairs(t, ctx, to.client, prefix))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait() // by the signal
	if t.Failed() {
		t.Log(out.String())
	}
}

// mirrorTraffic puts, deletes, and changes several keys at once.
func mirrorTraffic(t *testing.T, ctx context.Context, c *clientv3.Client, prefix string, writer uint64) {
	rnd := rand.New(rand.NewPCG(1, writer))
	key := func() string { return fmt.Sprintf("%s%d", prefix, rnd.IntN(200)) }
	for i := range mirrorOps {
		var err error
		value := fmt.Sprint(writer, "-", i)
		switch rnd.IntN(6) {
		case 0:
			_, err = c.Delete(ctx, key())
		case 1:
			a, b := key(), key()
			ops := []clientv3.Op{clientv3.OpPut(a, value)}
			if a != b {
				ops = append(ops, clientv3.OpDelete(b))
			}
			_, err = c.Txn(ctx).Then(ops...).Commit()
		default:
			_, err = c.Put(ctx, key(), value)
		}
		if err != nil {
			t.Errorf("write: %v", err)
			return
		}
	}
}

// pairs are the keys below a prefix with their values.
func pairs(t *testing.T, ctx context.Context, c *clientv3.Client, prefix string) map[string]string {
	t.Helper()
	got, err := c.Get(ctx, prefix, clientv3.WithPrefix())
	require.NoError(t, err)
	m := map[string]string{}
	for _, kv := range got.Kvs {
		m[string(kv.Key)] = string(kv.Value)
	}
	require.NotEmpty(t, m)
	return m
}

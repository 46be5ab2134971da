package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/requestlog"
	"github.com/petcd/petcd/server/servertest"
)

// TestRequestsAreRecorded makes requests as a user and reads the log and the page of the most expensive ones: they say who did
// what, and hold neither password nor value nor token.
func TestRequestsAreRecorded(t *testing.T) {
	const password, value = "canary-password", "canary-value"
	file := filepath.Join(t.TempDir(), "requests")
	c := servertest.Start(t, 1, servertest.WithConfig(func(c *config.Config) {
		c.RequestLog, c.EnablePprof, c.BcryptCost = file, true, 4
	}))
	plain := c.Client()
	ctx := t.Context()
	_, err := plain.UserAdd(ctx, "root", password)
	require.NoError(t, err)
	_, err = plain.UserGrantRole(ctx, "root", "root")
	require.NoError(t, err)
	_, err = plain.AuthEnable(ctx)
	require.NoError(t, err)
	root, err := clientv3.New(clientv3.Config{Endpoints: []string{c.Members[0].Endpoint()}, Username: "root", Password: password, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer root.Close()
	_, err = root.Put(ctx, "key", value)
	require.NoError(t, err)
	got, err := root.Get(ctx, "k", clientv3.WithPrefix())
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1)
	_, err = root.Txn(ctx).If(clientv3.Compare(clientv3.Value("key"), "=", value)).Then(clientv3.OpPut("key", value), clientv3.OpGet("key")).Commit()
	require.NoError(t, err)
	_, err = plain.Put(ctx, "key", value)
	require.Error(t, err, "nobody may")
	// Calls that end their own caller's token.
	_, err = root.UserChangePassword(ctx, "root", password)
	require.NoError(t, err)
	_, err = root.AuthDisable(ctx)
	require.NoError(t, err)

	resp, err := http.Get("http://" + c.Members[0].Endpoint() + "/debug/requests/expensive")
	require.NoError(t, err)
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, text := range []string{string(page), string(data)} {
		require.NotContains(t, text, password)
		require.NotContains(t, text, value)
	}
	var shown map[string][]requestlog.Request
	require.NoError(t, json.Unmarshal(page, &shown))
	require.Greater(t, len(shown["by_time"]), 5)

	calls := map[string]requestlog.Request{}
	for line := range strings.Lines(string(data)) {
		var q requestlog.Request
		require.NoError(t, json.Unmarshal([]byte(line), &q), line)
		require.NotEmpty(t, q.Remote)
		require.Positive(t, q.Took)
		calls[q.Method+" "+q.User+" "+q.Code] = q
	}
	require.Equal(t, "root", calls["/etcdserverpb.Auth/Authenticate  OK"].Subject)
	put := calls["/etcdserverpb.KV/Put root OK"]
	require.Equal(t, "key", put.Key)
	require.EqualValues(t, 2, put.Revision)
	require.Greater(t, put.RequestBytes, len(value))
	read := calls["/etcdserverpb.KV/Range root OK"]
	require.Equal(t, []any{"k", "l", int64(1), int64(1)}, []any{read.Key, read.RangeEnd, read.Keys, read.Count})
	txn := calls["/etcdserverpb.KV/Txn root OK"]
	require.Equal(t, []any{"key", 2, int64(2)}, []any{txn.Key, txn.Operations, txn.Keys})
	require.Contains(t, calls, "/etcdserverpb.KV/Put  InvalidArgument")
	require.Equal(t, "root", calls["/etcdserverpb.Auth/UserChangePassword root OK"].Subject)
	require.Contains(t, calls, "/etcdserverpb.Auth/AuthDisable root OK")
}

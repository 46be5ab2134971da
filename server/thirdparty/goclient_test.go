//go:build linux

package thirdparty

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	client "go.etcd.io/etcd/client/v2"

	"github.com/petcd/petcd/server/process"
)

// goTimeout bounds the test of etcd's own library.
const goTimeout = 2 * time.Minute

// TestGoClientV2 is etcd's own library for API 2: keys, watchers, members, and the loss of the member that it talks to.
func TestGoClientV2(t *testing.T) {
	eachTarget(t, func(t *testing.T, _ environment, tg target) {
		c := tg.start(t, process.Config{Members: 3})
		lib, err := client.New(client.Config{Endpoints: c.Endpoints(), HeaderTimeoutPerRequest: 30 * time.Second})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), goTimeout)
		defer cancel()
		t.Run("keys", func(t *testing.T) { goKeys(t, ctx, client.NewKeysAPI(lib)) })
		t.Run("watchers", func(t *testing.T) { goWatchers(t, ctx, client.NewKeysAPI(lib)) })
		t.Run("members", func(t *testing.T) { goMembers(t, ctx, lib, c) })
		t.Run("lost_leader", func(t *testing.T) { goLostLeader(t, ctx, client.NewKeysAPI(lib), c) })
	})
}

func goKeys(t *testing.T, ctx context.Context, keys client.KeysAPI) {
	refused := func(code int, err error) {
		t.Helper()
		var e client.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, code, e.Code, e.Error())
	}
	made, err := keys.Create(ctx, "/go/a", "1")
	require.NoError(t, err)
	require.Equal(t, "create", made.Action)
	_, err = keys.Create(ctx, "/go/a", "1")
	refused(client.ErrorCodeNodeExist, err)
	_, err = keys.Update(ctx, "/go/none", "1")
	refused(client.ErrorCodeKeyNotFound, err)
	_, err = keys.Set(ctx, "/go/a", "2", &client.SetOptions{PrevValue: "other"})
	refused(client.ErrorCodeTestFailed, err)
	swapped, err := keys.Set(ctx, "/go/a", "2", &client.SetOptions{PrevIndex: made.Node.ModifiedIndex})
	require.NoError(t, err)
	require.Equal(t, "1", swapped.PrevNode.Value)

	short, err := keys.Set(ctx, "/go/dir", "", &client.SetOptions{Dir: true, TTL: 300 * time.Second})
	require.NoError(t, err)
	require.Equal(t, 300*time.Second, short.Node.TTLDuration())
	for i := range 5 {
		_, err := keys.CreateInOrder(ctx, "/go/dir", fmt.Sprint(i), nil)
		require.NoError(t, err)
	}
	_, err = keys.Delete(ctx, "/go/dir", &client.DeleteOptions{Dir: true})
	refused(client.ErrorCodeDirNotEmpty, err)
	listed, err := keys.Get(ctx, "/go", &client.GetOptions{Recursive: true, Sort: true, Quorum: true})
	require.NoError(t, err)
	var values []string
	for _, n := range listed.Node.Nodes[1].Nodes {
		values = append(values, n.Value)
	}
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, values)
	_, err = keys.Delete(ctx, "/go", &client.DeleteOptions{Recursive: true})
	require.NoError(t, err)
}

func goWatchers(t *testing.T, ctx context.Context, keys client.KeysAPI) {
	first, err := keys.Set(ctx, "/watched/a", "0", nil)
	require.NoError(t, err)
	watcher := keys.Watcher("/watched", &client.WatcherOptions{AfterIndex: first.Node.ModifiedIndex, Recursive: true})
	expected := []string{"set", "update", "compareAndSwap", "set", "delete", "expire"}
	write := func(_ *client.Response, err error) { require.NoError(t, err) }
	write(keys.Set(ctx, "/watched/a", "1", nil))
	write(keys.Update(ctx, "/watched/a", "2"))
	write(keys.Set(ctx, "/watched/a", "3", &client.SetOptions{PrevValue: "2"}))
	write(keys.Set(ctx, "/watched/b", "1", &client.SetOptions{TTL: 2 * time.Second}))
	write(keys.Delete(ctx, "/watched/a", nil))
	var seen []string
	for range expected {
		event, err := watcher.Next(ctx)
		require.NoError(t, err)
		seen = append(seen, event.Action)
	}
	require.Equal(t, expected, seen)
}

func goMembers(t *testing.T, ctx context.Context, lib client.Client, c *process.Cluster) {
	members := client.NewMembersAPI(lib)
	listed, err := members.List(ctx)
	require.NoError(t, err)
	var urls []string
	for _, m := range listed {
		urls = append(urls, m.ClientURLs...)
	}
	require.ElementsMatch(t, c.Endpoints(), urls)
	leads, err := members.Leader(ctx)
	require.NoError(t, err)
	require.Equal(t, leader(t, c).Name, leads.Name)

	var added *client.Member
	until(t, healthTimeout, "members that have been connected long enough to take another", func() bool {
		added, err = members.Add(ctx, "http://127.0.0.1:1")
		return err == nil
	})
	require.NoError(t, members.Update(ctx, added.ID, []string{"http://127.0.0.1:2"}))
	listed, err = members.List(ctx)
	require.NoError(t, err)
	at := slices.IndexFunc(listed, func(m client.Member) bool { return m.ID == added.ID })
	require.GreaterOrEqual(t, at, 0)
	require.Equal(t, []string{"http://127.0.0.1:2"}, listed[at].PeerURLs)
	require.NoError(t, members.Remove(ctx, added.ID))
	require.NoError(t, members.Remove(ctx, added.ID), "a member that is gone is no error to the library")

	require.NoError(t, lib.Sync(ctx))
	require.ElementsMatch(t, c.Endpoints(), lib.Endpoints())
	version, err := lib.GetVersion(ctx)
	require.NoError(t, err)
	require.Regexp(t, `^3\.\d+\.\d+$`, version.Server)
}

func goLostLeader(t *testing.T, ctx context.Context, keys client.KeysAPI, c *process.Cluster) {
	first, err := keys.Set(ctx, "/lost", "before", nil)
	require.NoError(t, err)
	watcher := keys.Watcher("/lost", &client.WatcherOptions{AfterIndex: first.Node.ModifiedIndex})
	require.NoError(t, leader(t, c).Kill())
	until(t, healthTimeout, "write without the former leader", func() bool {
		_, err := keys.Set(ctx, "/lost", "after", nil)
		return err == nil
	})
	event, err := watcher.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, "after", event.Node.Value)
}

package conformance

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/clientv3util"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/client/v3/mirror"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.etcd.io/etcd/client/v3/ordering"
)

// rev is WithRev, for calls whose arguments already fill the line.
func rev(r int64) clientv3.OpOption { return clientv3.WithRev(r) }

// recipeCases: the packages of the stock client that build on the API.
func recipeCases(s *suite) {
	session := func(t *testing.T, e *env) *concurrency.Session {
		t.Helper()
		sess, err := concurrency.NewSession(e.client, concurrency.WithTTL(30), concurrency.WithContext(e.ctx))
		require.NoError(t, err)
		t.Cleanup(func() { _ = sess.Close() })
		return sess
	}
	s.run("mutex_excludes", func(t *testing.T, e *env) {
		var wg sync.WaitGroup
		var inside, most int
		var guard sync.Mutex
		sessions := []*concurrency.Session{session(t, e), session(t, e), session(t, e)}
		errs := make(chan error, 15)
		for _, sess := range sessions {
			wg.Go(func() {
				m := concurrency.NewMutex(sess, e.prefix)
				for range 5 {
					if err := m.Lock(e.ctx); err != nil {
						errs <- err
						return
					}
					guard.Lock()
					inside++
					most = max(most, inside)
					inside--
					guard.Unlock()
					if err := m.Unlock(e.ctx); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, 1, most)
	})
	s.run("mutex_try_lock", func(t *testing.T, e *env) {
		m1, m2 := concurrency.NewMutex(session(t, e), e.prefix), concurrency.NewMutex(session(t, e), e.prefix)
		require.NoError(t, m1.Lock(e.ctx))
		require.ErrorIs(t, m2.TryLock(e.ctx), concurrency.ErrLocked)
		require.NoError(t, m1.Unlock(e.ctx))
		require.NoError(t, m2.TryLock(e.ctx))
	})
	s.run("mutex_falls_with_its_session", func(t *testing.T, e *env) {
		holder := session(t, e)
		require.NoError(t, concurrency.NewMutex(holder, e.prefix).Lock(e.ctx))
		require.NoError(t, holder.Close())
		require.NoError(t, concurrency.NewMutex(session(t, e), e.prefix).Lock(e.ctx))
	})
	s.run("election", func(t *testing.T, e *env) {
		first, second := concurrency.NewElection(session(t, e), e.prefix), concurrency.NewElection(session(t, e), e.prefix)
		require.NoError(t, first.Campaign(e.ctx, "one"))
		won := make(chan error, 1)
		go func() { won <- second.Campaign(e.ctx, "two") }()
		leader, err := first.Leader(e.ctx)
		require.NoError(t, err)
		require.Equal(t, "one", string(leader.Kvs[0].Value))
		require.NoError(t, first.Proclaim(e.ctx, "still one"))
		observed := second.Observe(e.ctx)
		e.until(t, "the proclamation", func() bool { return string((<-observed).Kvs[0].Value) == "still one" })
		require.NoError(t, first.Resign(e.ctx))
		require.NoError(t, <-won)
		leader, err = second.Leader(e.ctx)
		require.NoError(t, err)
		require.Equal(t, "two", string(leader.Kvs[0].Value))
	})
	s.run("election_without_leader", func(t *testing.T, e *env) {
		_, err := concurrency.NewElection(session(t, e), e.prefix).Leader(e.ctx)
		require.ErrorIs(t, err, concurrency.ErrElectionNoLeader)
	})
	for name, level := range map[string]concurrency.Isolation{
		"serializable_snapshot": concurrency.SerializableSnapshot, "serializable": concurrency.Serializable,
		"repeatable_reads": concurrency.RepeatableReads,
	} {
		s.run("stm_"+name, func(t *testing.T, e *env) {
			accounts := []string{string(e.key("a")), string(e.key("b")), string(e.key("c"))}
			for _, a := range accounts {
				_, err := e.client.Put(e.ctx, a, "100")
				require.NoError(t, err)
			}
			var wg sync.WaitGroup
			errs := make(chan error, 3)
			for i := range 3 {
				wg.Go(func() {
					from, to := accounts[i], accounts[(i+1)%3]
					for range 5 {
						_, err := concurrency.NewSTM(e.client, func(stm concurrency.STM) error {
							var x, y int
							if _, err := fmt.Sscan(stm.Get(from), &x); err != nil {
								return err
							}
							if _, err := fmt.Sscan(stm.Get(to), &y); err != nil {
								return err
							}
							stm.Put(from, fmt.Sprint(x-1))
							stm.Put(to, fmt.Sprint(y+1))
							return nil
						}, concurrency.WithIsolation(level), concurrency.WithAbortContext(e.ctx))
						if err != nil {
							errs <- err
							return
						}
					}
				})
			}
			wg.Wait()
			close(errs)
			for err := range errs {
				require.NoError(t, err)
			}
			sum := 0
			for _, a := range accounts {
				resp, err := e.client.Get(e.ctx, a)
				require.NoError(t, err)
				var x int
				_, err = fmt.Sscan(string(resp.Kvs[0].Value), &x)
				require.NoError(t, err)
				sum += x
			}
			require.Equal(t, 300, sum)
		})
	}
	wrapperCases(s)
}

// wrapperCases: clients around the client.
func wrapperCases(s *suite) {
	s.run("namespace", func(t *testing.T, e *env) {
		kv := namespace.NewKV(e.client.KV, e.prefix)
		_, err := kv.Put(e.ctx, "a", "1")
		require.NoError(t, err)
		require.Equal(t, "1", string(e.get(t, "a").Value))
		resp, err := kv.Txn(e.ctx).If(clientv3util.KeyExists("a")).Then(clientv3.OpGet("", clientv3.WithPrefix())).Commit()
		require.NoError(t, err)
		require.True(t, resp.Succeeded)
		require.Equal(t, "a", string(resp.Responses[0].GetResponseRange().Kvs[0].Key))
		watch := namespace.NewWatcher(e.client.Watcher, e.prefix).Watch(e.ctx, "a", rev(e.get(t, "a").ModRevision))
		require.Equal(t, "a", string(receive(t, e, watch).Events[0].Kv.Key))
	})
	s.run("ordering", func(t *testing.T, e *env) {
		kv := ordering.NewKV(e.client.KV, func(op clientv3.Op, _ clientv3.OpResponse, _ int64) error {
			return fmt.Errorf("revision went back at %s", op.KeyBytes())
		})
		for i := range 20 {
			_, err := kv.Put(e.ctx, string(e.key("a")), fmt.Sprint(i))
			require.NoError(t, err)
			resp, err := kv.Get(e.ctx, string(e.key("a")))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i), string(resp.Kvs[0].Value))
		}
	})
	s.run("leasing", func(t *testing.T, e *env) {
		cached, stop, err := leasing.NewKV(e.client, e.prefix+"leases/")
		require.NoError(t, err)
		defer stop()
		e.put(t, "a", "1")
		for range 3 {
			resp, err := cached.Get(e.ctx, string(e.key("a")))
			require.NoError(t, err)
			require.Equal(t, "1", string(resp.Kvs[0].Value))
		}
		other, stopOther, err := leasing.NewKV(e.client, e.prefix+"leases/")
		require.NoError(t, err)
		defer stopOther()
		_, err = other.Put(e.ctx, string(e.key("a")), "2")
		require.NoError(t, err)
		resp, err := cached.Get(e.ctx, string(e.key("a")))
		require.NoError(t, err)
		require.Equal(t, "2", string(resp.Kvs[0].Value), "the owner gave its copy up")
	})
	s.run("mirror", func(t *testing.T, e *env) {
		for i := range 5 {
			e.put(t, fmt.Sprint(i), "v")
		}
		syncer := mirror.NewSyncer(e.client, e.prefix, 0)
		base, errs := syncer.SyncBase(e.ctx)
		n := 0
		for resp := range base {
			n += len(resp.Kvs)
		}
		require.NoError(t, <-errs)
		require.Equal(t, 5, n)
		updates := syncer.SyncUpdates(e.ctx)
		e.put(t, "new", "v")
		require.True(t, strings.HasSuffix(string(firstEvent(t, e, updates).Kv.Key), "/new"))
	})
	s.run("client_txn_builder", func(t *testing.T, e *env) {
		key := string(e.key("a"))
		commit := func(version int64) bool {
			resp, err := e.client.Txn(e.ctx).If(clientv3.Compare(clientv3.Version(key), "=", version)).
				Then(clientv3.OpPut(key, "x")).Else(clientv3.OpGet(key)).Commit()
			require.NoError(t, err)
			return resp.Succeeded
		}
		require.True(t, commit(0))
		require.False(t, commit(0))
		require.True(t, commit(1))
	})
	s.run("client_get_options", func(t *testing.T, e *env) {
		for _, name := range []string{"b", "a", "c"} {
			e.put(t, name, name)
		}
		resp, err := e.client.Get(e.ctx, e.prefix, clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortDescend), clientv3.WithLimit(2))
		require.NoError(t, err)
		require.Equal(t, []string{"c", "a"}, e.names(resp.Kvs))
		resp, err = e.client.Get(e.ctx, e.prefix, clientv3.WithLastCreate()...)
		require.NoError(t, err)
		require.Equal(t, []string{"c"}, e.names(resp.Kvs))
	})
	s.run("client_errors_are_typed", func(t *testing.T, e *env) {
		_, err := e.client.Get(e.ctx, "k", rev(1<<40))
		require.ErrorContains(t, err, "required revision is a future revision")
		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		_, err = e.client.Get(ctx, "k")
		require.ErrorIs(t, err, context.Canceled)
	})
	s.run("client_lease", func(t *testing.T, e *env) {
		grant, err := e.client.Grant(e.ctx, 100)
		require.NoError(t, err)
		_, err = e.client.Put(e.ctx, string(e.key("a")), "1", clientv3.WithLease(grant.ID))
		require.NoError(t, err)
		ttl, err := e.client.TimeToLive(e.ctx, grant.ID, clientv3.WithAttachedKeys())
		require.NoError(t, err)
		require.Len(t, ttl.Keys, 1)
		_, err = e.client.Revoke(e.ctx, grant.ID)
		require.NoError(t, err)
		require.Nil(t, e.get(t, "a"))
	})
}

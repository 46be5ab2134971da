package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/petcd/petcd/server/recipes/v3electionpb"
	"github.com/petcd/petcd/server/recipes/v3lockpb"
)

// span is a range of keys as requests and permissions write it.
type span struct{ key, end string }

// permissionTable says, for the permissions of one user, which ranges it may
// use and which it may not.
var permissionTable = map[string]struct {
	have     []span
	may, not []span
}{
	"none": {
		not: []span{{"a", ""}, {"a", "b"}, {"a", "\x00"}, {"\x00", "\x00"}},
	},
	"point": {
		have: []span{{"a", ""}},
		may:  []span{{"a", ""}, {"a", "a\x00"}},
		not:  []span{{"b", ""}, {"a\x00", ""}, {"a", "b"}, {"a", "a\x00\x00"}, {"a", "\x00"}, {"", "b"}, {"\x00", "\x00"}},
	},
	"range": {
		have: []span{{"b", "d"}},
		may:  []span{{"b", ""}, {"c\xff", ""}, {"b", "d"}, {"b", "c"}, {"bb", "bc"}, {"c", "d"}},
		not:  []span{{"a", ""}, {"d", ""}, {"a", "d"}, {"b", "d\x00"}, {"b", "\x00"}, {"c", "\x00"}, {"a\xff", "c"}},
	},
	"from_key": {
		have: []span{{"b", "\x00"}},
		may:  []span{{"b", ""}, {"z", ""}, {"\xff\xff", ""}, {"b", "c"}, {"b", "\x00"}, {"c", "\x00"}},
		not:  []span{{"a", ""}, {"a", "\x00"}, {"a", "c"}, {"\x00", "\x00"}},
	},
	"all": {
		have: []span{{"\x00", "\x00"}},
		may:  []span{{"\x00", ""}, {"\x00", "\x00"}, {"a", "\x00"}, {"a", "b"}, {"\xff", ""}},
	},
	"prefix_of_ff": {
		have: []span{{"\xff", "\x00"}},
		may:  []span{{"\xff", ""}, {"\xff\xff", "\x00"}, {"\xff", "\xff\x01"}},
		not:  []span{{"\xfe\xff", ""}, {"\xfe", "\x00"}},
	},
	"overlapping": {
		have: []span{{"a", "c"}, {"b", "e"}},
		may:  []span{{"a", "e"}, {"b", "c"}, {"a", "d"}},
		not:  []span{{"a", "e\x00"}, {"a", "\x00"}},
	},
	"adjacent": {
		have: []span{{"a", "c"}, {"c", "e"}},
		may:  []span{{"a", "e"}, {"b", "d"}, {"c", ""}},
		not:  []span{{"a", "f"}},
	},
	"nested": {
		have: []span{{"a", "z"}, {"c", "d"}},
		may:  []span{{"a", "z"}, {"b", "y"}, {"c", "e"}},
		not:  []span{{"a", "z\x00"}},
	},
	"gap": {
		have: []span{{"a", "b"}, {"c", "d"}},
		may:  []span{{"a", "b"}, {"c", "d"}},
		not:  []span{{"a", "d"}, {"b", ""}, {"a", "c"}, {"b", "c"}},
	},
	"points_in_a_row": {
		have: []span{{"a", ""}, {"a\x00", ""}, {"a\x00\x00", ""}},
		may:  []span{{"a", "a\x00\x00\x00"}, {"a", "a\x00\x00"}, {"a\x00", "a\x00\x00"}},
		not:  []span{{"a", "b"}, {"a\x00\x00\x00", ""}},
	},
	"range_that_closes_at_a_point": {
		have: []span{{"a", "b"}, {"b", ""}},
		may:  []span{{"a", "b\x00"}, {"a", "b"}},
		not:  []span{{"a", "b\x01"}},
	},
	"empty_ranges": {
		have: []span{{"b", "d"}},
		not:  []span{{"z", "y"}, {"e", "a"}, {"a", "a"}},
	},
}

// authPermissionCases: what permissions permit, for every kind of access.
func authPermissionCases(s *suite) {
	s.enableAuth()
	for name, row := range permissionTable {
		s.runAs("table_"+name, func(t *testing.T, r *realm) {
			var perms []*authpb.Permission
			for _, p := range row.have {
				perms = append(perms, canBoth(p.key, p.end))
			}
			user := r.newUser(t, r.name("u"), perms...)
			for _, may := range row.may {
				require.Equal(t, "ok", r.access(user, may), "%q", may)
			}
			for _, not := range row.not {
				if not.key == "" {
					continue // the empty key is refused before permissions are looked at
				}
				require.Equal(t, rpctypes.ErrorDesc(rpctypes.ErrGRPCPermissionDenied), r.access(user, not), "%q", not)
			}
			_, err := r.kv.DeleteRange(r.root, &pb.DeleteRangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
			require.NoError(t, err)
		})
	}
	authPermissionKindCases(s)
	authPermissionChangeCases(s)
	authPermissionLeaseCases(s)
}

// access reads, deletes and watches a range, and writes a point; all must give
// the same answer, which it returns.
func (r *realm) access(ctx context.Context, s span) string {
	key, end := []byte(s.key), []byte(s.end)
	outcomes := map[string]string{}
	note := func(what string, err error) { outcomes[what] = outcomeOf(err) }
	_, err := r.kv.Range(ctx, &pb.RangeRequest{Key: key, RangeEnd: end})
	note("range", err)
	_, err = r.kv.Range(ctx, &pb.RangeRequest{Key: key, RangeEnd: end, Serializable: true, CountOnly: true})
	note("serializable", err)
	_, err = r.kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: key, RangeEnd: end, PrevKv: true})
	note("delete", err)
	_, err = r.kv.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: key, RangeEnd: end, Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{}}},
		Success: ops(wrapRange(&pb.RangeRequest{Key: key, RangeEnd: end})),
	})
	note("txn", err)
	if len(end) == 0 {
		_, err = r.kv.Put(ctx, &pb.PutRequest{Key: key, PrevKv: true})
		note("put", err)
	}
	if r.target.has(guardsClosed) {
		note("watch", r.watchError(ctx, key, end))
	}
	all := ""
	for what, o := range outcomes {
		switch {
		case all == "":
			all = o
		case all != o:
			return what + ": " + o + ", others: " + all
		}
	}
	return all
}

// outcomeOf is "ok" or the error's text.
func outcomeOf(err error) string {
	if err == nil {
		return "ok"
	}
	return rpctypes.ErrorDesc(err)
}

// watchError asks for a watch and gives the reason why it was not created.
func (r *realm) watchError(ctx context.Context, key, end []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.watch.Watch(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{Key: key, RangeEnd: end},
	}})
	if err != nil {
		return err
	}
	resp, err := stream.Recv()
	if err != nil {
		return err
	}
	if resp.Canceled {
		return errorText(resp.CancelReason)
	}
	return nil
}

// errorText is an error that came as a text: a watch's reason is the text of
// the gRPC error.
type errorText string

func (e errorText) Error() string {
	const prefix = "rpc error: code = "
	text := string(e)
	if len(text) < len(prefix) || text[:len(prefix)] != prefix {
		return text
	}
	for i := len(prefix); i+len(" desc = ") < len(text); i++ {
		if text[i:i+len(" desc = ")] == " desc = " {
			return text[i+len(" desc = "):]
		}
	}
	return text
}

func authPermissionKindCases(s *suite) {
	denied := rpctypes.ErrGRPCPermissionDenied
	s.runAs("reader", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead(r.prefix, string(r.end())))
		_, err := r.kv.Range(user, &pb.RangeRequest{Key: r.key("a")})
		require.NoError(t, err)
		require.NoError(t, r.watchError(user, r.key("a"), nil))
		for _, put := range []*pb.PutRequest{{Key: r.key("a")}, {Key: r.key("a"), PrevKv: true}, {Key: r.key("a"), IgnoreValue: true}} {
			_, err = r.kv.Put(user, put)
			requireStatus(t, denied, err)
			_, err = r.kv.Txn(user, &pb.TxnRequest{Success: ops(wrapPut(put))})
			requireStatus(t, denied, err)
		}
		_, err = r.kv.DeleteRange(user, &pb.DeleteRangeRequest{Key: r.key("a")})
		requireStatus(t, denied, err)
	})
	s.runAs("writer", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canWrite(r.prefix, string(r.end())))
		_, err := r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		require.NoError(t, err)
		_, err = r.kv.Range(user, &pb.RangeRequest{Key: r.key("a")})
		requireStatus(t, denied, err)
		require.Error(t, r.watchError(user, r.key("a"), nil))
		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a"), PrevKv: true})
		requireStatus(t, denied, err)
		_, err = r.kv.DeleteRange(user, &pb.DeleteRangeRequest{Key: r.key("a"), PrevKv: true})
		requireStatus(t, denied, err)
		_, err = r.kv.Txn(user, &pb.TxnRequest{
			Compare: []*pb.Compare{{Key: r.key("a"), Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{}}},
		})
		requireStatus(t, denied, err)
		_, err = r.kv.DeleteRange(user, &pb.DeleteRangeRequest{Key: r.key("a")})
		require.NoError(t, err)
	})
	s.runAs("kinds_of_two_roles_add_up", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead(r.prefix, string(r.end())))
		_, err := r.kv.Put(user, &pb.PutRequest{Key: r.key("a"), PrevKv: true})
		requireStatus(t, denied, err)
		r.addRole(t, r.name("writer"), canWrite(r.prefix, string(r.end())))
		r.grantRole(t, r.name("u"), r.name("writer"))
		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a"), PrevKv: true})
		require.NoError(t, err)
	})
	s.runAs("a_branch_not_taken_counts", func(t *testing.T, r *realm) {
		needs(t, r.env, guardsClosed)
		user := r.newUser(t, r.name("u"), canBoth(r.prefix+"a", ""))
		for _, txn := range []*pb.TxnRequest{
			{Failure: ops(wrapRange(&pb.RangeRequest{Key: r.key("b")}))},
			{Failure: ops(opPut(r.key("b"), ""))},
			{Success: ops(opPut(r.key("a"), ""), wrapTxn(&pb.TxnRequest{Failure: ops(wrapDelete(&pb.DeleteRangeRequest{Key: r.key("b")}))}))},
		} {
			_, err := r.kv.Txn(user, txn)
			requireStatus(t, denied, err)
		}
		got, err := r.kv.Range(r.root, &pb.RangeRequest{Key: r.key(""), RangeEnd: r.end()})
		require.NoError(t, err)
		require.Empty(t, got.Kvs, "a refused txn does nothing")
	})
	s.runAs("shape_before_permission", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"))
		for _, ctx := range []context.Context{user, r.ctx} {
			_, err := r.kv.Range(ctx, &pb.RangeRequest{})
			requireStatus(t, rpctypes.ErrGRPCEmptyKey, err)
			_, err = r.kv.Put(ctx, &pb.PutRequest{Key: r.key("a"), Value: []byte("1"), IgnoreValue: true})
			requireStatus(t, rpctypes.ErrGRPCValueProvided, err)
			_, err = r.kv.Txn(ctx, &pb.TxnRequest{Success: ops(opPut(r.key("a"), ""), opPut(r.key("a"), ""))})
			requireStatus(t, rpctypes.ErrGRPCDuplicateKey, err)
		}
	})
	s.runAs("permission_before_revision", func(t *testing.T, r *realm) {
		needs(t, r.env, guardsClosed)
		user := r.newUser(t, r.name("u"))
		_, err := r.kv.Range(user, &pb.RangeRequest{Key: r.key("a"), Revision: 1 << 40})
		requireStatus(t, denied, err)
		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a"), Lease: 1 << 40})
		requireStatus(t, denied, err)
		_, err = r.kv.Compact(user, &pb.CompactionRequest{Revision: 1 << 40})
		requireStatus(t, denied, err)
	})
}

func authPermissionChangeCases(s *suite) {
	s.runAs("granted_and_revoked_at_once", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"))
		perm := canBoth(r.prefix, string(r.end()))
		for range 3 {
			_, err := r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
			requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
			r.permit(t, r.name("u"), perm)
			_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
			require.NoError(t, err)
			_, err = r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: r.name("u"), Key: perm.Key, RangeEnd: perm.RangeEnd})
			require.NoError(t, err)
		}
	})
	s.runAs("revoked_role", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canBoth(r.prefix, string(r.end())))
		_, err := r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		require.NoError(t, err)
		_, err = r.auth.UserRevokeRole(r.root, &pb.AuthUserRevokeRoleRequest{Name: r.name("u"), Role: r.name("u")})
		require.NoError(t, err)
		_, err = r.kv.Range(user, &pb.RangeRequest{Key: r.key("a"), Serializable: true})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
	s.runAs("one_of_two_overlapping_revoked", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead("a", "m"), canRead("g", "z"))
		_, err := r.kv.Range(user, &pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z")})
		require.NoError(t, err)
		_, err = r.auth.RoleRevokePermission(r.root, &pb.AuthRoleRevokePermissionRequest{Role: r.name("u"), Key: []byte("g"), RangeEnd: []byte("z")})
		require.NoError(t, err)
		_, err = r.kv.Range(user, &pb.RangeRequest{Key: []byte("a"), RangeEnd: []byte("z")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
		_, err = r.kv.Range(user, &pb.RangeRequest{Key: []byte("g"), RangeEnd: []byte("m")})
		require.NoError(t, err)
	})
	s.runAs("narrowed_kind", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canBoth(r.prefix, string(r.end())))
		r.permit(t, r.name("u"), canRead(r.prefix, string(r.end())))
		_, err := r.kv.Put(user, &pb.PutRequest{Key: r.key("a")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
	s.runAs("no_new_watch_after_revocation", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead(r.prefix, string(r.end())))
		w := openWatchStream(t, user, r.watch)
		require.False(t, w.create(t, &pb.WatchCreateRequest{Key: r.key("a")}).Canceled)
		_, err := r.auth.UserRevokeRole(r.root, &pb.AuthUserRevokeRoleRequest{Name: r.name("u"), Role: r.name("u")})
		require.NoError(t, err)
		resp := w.create(t, &pb.WatchCreateRequest{Key: r.key("b")})
		require.True(t, resp.Canceled, "on the stream that is open")
		require.EqualValues(t, -1, resp.WatchId)
		require.Equal(t, rpctypes.ErrGRPCPermissionDenied.Error(), resp.CancelReason)
		require.EqualError(t, r.watchError(user, r.key("a"), nil), rpctypes.ErrorDesc(rpctypes.ErrGRPCPermissionDenied))
	})
	s.runAs("refused_watch_leaves_the_stream", func(t *testing.T, r *realm) {
		user := r.newUser(t, r.name("u"), canRead(r.prefix+"a", ""))
		w := openWatchStream(t, user, r.watch)
		require.True(t, w.create(t, &pb.WatchCreateRequest{Key: r.key("b")}).Canceled)
		id := w.create(t, &pb.WatchCreateRequest{Key: r.key("a")})
		require.False(t, id.Canceled)
		_, err := r.kv.Put(r.root, &pb.PutRequest{Key: r.key("a")})
		require.NoError(t, err)
		w.events(t, id.WatchId, 1)
	})
}

func authPermissionLeaseCases(s *suite) {
	grant := func(t *testing.T, r *realm, keys ...string) int64 {
		resp, err := r.lease.LeaseGrant(r.root, &pb.LeaseGrantRequest{TTL: 1000})
		require.NoError(t, err)
		for _, k := range keys {
			_, err = r.kv.Put(r.root, &pb.PutRequest{Key: r.key(k), Lease: resp.ID})
			require.NoError(t, err)
		}
		return resp.ID
	}
	denied := rpctypes.ErrGRPCPermissionDenied
	s.runAs("lease_of_keys_one_may_not_write", func(t *testing.T, r *realm) {
		needs(t, r.env, guardsClosed)
		user := r.newUser(t, r.name("u"), canBoth(r.prefix+"a", ""))
		own, mixed := grant(t, r, "a"), grant(t, r, "a", "b")
		_, err := r.kv.Put(user, &pb.PutRequest{Key: r.key("a"), Lease: mixed})
		requireStatus(t, denied, err)
		_, err = r.kv.Txn(user, &pb.TxnRequest{Success: ops(wrapPut(&pb.PutRequest{Key: r.key("a"), Lease: mixed}))})
		requireStatus(t, denied, err)
		_, err = r.lease.LeaseRevoke(user, &pb.LeaseRevokeRequest{ID: mixed})
		requireStatus(t, denied, err)
		_, err = r.lease.LeaseTimeToLive(user, &pb.LeaseTimeToLiveRequest{ID: mixed, Keys: true})
		requireStatus(t, denied, err)
		_, err = r.lease.LeaseTimeToLive(user, &pb.LeaseTimeToLiveRequest{ID: mixed})
		require.NoError(t, err, "without keys it says nothing of them")
		_, err = r.lease.LeaseLeases(user, &pb.LeaseLeasesRequest{})
		requireStatus(t, denied, err)
		_, err = r.lease.LeaseRevoke(r.root, &pb.LeaseRevokeRequest{ID: mixed})
		require.NoError(t, err)

		_, err = r.kv.Put(user, &pb.PutRequest{Key: r.key("a"), Lease: own})
		require.NoError(t, err)
		ttl, err := r.lease.LeaseTimeToLive(user, &pb.LeaseTimeToLiveRequest{ID: own, Keys: true})
		require.NoError(t, err)
		require.Equal(t, [][]byte{r.key("a")}, ttl.Keys)
		_, err = r.lease.LeaseLeases(user, &pb.LeaseLeasesRequest{})
		require.NoError(t, err)
		_, err = r.lease.LeaseRevoke(user, &pb.LeaseRevokeRequest{ID: own})
		require.NoError(t, err)
	})
	s.runAs("lease_of_keys_one_may_only_read", func(t *testing.T, r *realm) {
		needs(t, r.env, guardsClosed)
		user := r.newUser(t, r.name("u"), canRead(r.prefix, string(r.end())))
		id := grant(t, r, "a")
		ttl, err := r.lease.LeaseTimeToLive(user, &pb.LeaseTimeToLiveRequest{ID: id, Keys: true})
		require.NoError(t, err)
		require.Len(t, ttl.Keys, 1)
		_, err = r.lease.LeaseRevoke(user, &pb.LeaseRevokeRequest{ID: id})
		requireStatus(t, denied, err)
		requireKeepAlive(t, r, user, id, denied)
		_, err = r.lease.LeaseRevoke(r.root, &pb.LeaseRevokeRequest{ID: id})
		require.NoError(t, err)
	})
	s.runAs("leases_without_token", func(t *testing.T, r *realm) {
		needs(t, r.env, guardsClosed)
		id := grant(t, r)
		_, err := r.lease.LeaseGrant(r.ctx, &pb.LeaseGrantRequest{TTL: 10})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
		_, err = r.lease.LeaseRevoke(r.ctx, &pb.LeaseRevokeRequest{ID: id})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
		_, err = r.lease.LeaseTimeToLive(r.ctx, &pb.LeaseTimeToLiveRequest{ID: id})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
		_, err = r.lease.LeaseLeases(r.ctx, &pb.LeaseLeasesRequest{})
		requireStatus(t, rpctypes.ErrGRPCUserEmpty, err)
		requireKeepAlive(t, r, r.ctx, id, rpctypes.ErrGRPCUserEmpty)
	})
	// CVE-2026-33413: the lease that a recipe makes is refused as one asked for would be.
	s.runAs("recipes_without_token_make_no_lease", func(t *testing.T, r *realm) {
		needs(t, r.env, guardsClosed)
		before, err := r.lease.LeaseLeases(r.root, &pb.LeaseLeasesRequest{})
		require.NoError(t, err)
		_, err = v3lockpb.NewLockClient(r.conn).Lock(r.ctx, &v3lockpb.LockRequest{Name: []byte("a")})
		require.ErrorContains(t, err, rpctypes.ErrorDesc(rpctypes.ErrGRPCUserEmpty))
		_, err = v3electionpb.NewElectionClient(r.conn).Campaign(r.ctx, &v3electionpb.CampaignRequest{Name: []byte("a"), Value: []byte("1")})
		require.ErrorContains(t, err, rpctypes.ErrorDesc(rpctypes.ErrGRPCUserEmpty))
		after, err := r.lease.LeaseLeases(r.root, &pb.LeaseLeasesRequest{})
		require.NoError(t, err)
		require.Len(t, after.Leases, len(before.Leases))
	})
	s.runAs("lease_expires_whoever_owns_its_keys", func(t *testing.T, r *realm) {
		resp, err := r.lease.LeaseGrant(r.root, &pb.LeaseGrantRequest{TTL: 1})
		require.NoError(t, err)
		_, err = r.kv.Put(r.root, &pb.PutRequest{Key: r.key("a"), Lease: resp.ID})
		require.NoError(t, err)
		r.until(t, "expiry", func() bool {
			got, err := r.kv.Range(r.root, &pb.RangeRequest{Key: r.key("a")})
			require.NoError(t, err)
			return len(got.Kvs) == 0
		})
	})
}

// requireKeepAlive sends one keep-alive that must fail.
func requireKeepAlive(t *testing.T, r *realm, ctx context.Context, id int64, want error) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.lease.LeaseKeepAlive(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(&pb.LeaseKeepAliveRequest{ID: id}))
	_, err = stream.Recv()
	requireStatus(t, want, err)
}

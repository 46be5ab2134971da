package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/process"
)

// edgeBytes make keys at the edges of byte order.
var edgeBytes = []byte{0x00, 0x01, 'a', 'b', 0xfe, 0xff}

// within is the naive meaning of a range: no end is the key alone, "\x00" is
// every key from there on.
func (s span) within(key string) bool {
	switch s.end {
	case "":
		return key == s.key
	case "\x00":
		return key >= s.key
	}
	return key >= s.key && key < s.end
}

// covers says that every key of o, there or not, is in s.
func (s span) covers(o span) bool {
	switch {
	case o.end == "":
		return s.within(o.key)
	case s.end == "":
		return o.key == s.key && o.end == s.key+"\x00"
	case s.end == "\x00":
		return o.key >= s.key
	}
	return o.end != "\x00" && o.key >= s.key && o.end <= s.end
}

// rules are one user's permissions and what may be concluded from them.
type rules struct{ read, write []span }

func anyWithin(list []span, key string) bool {
	return slices.ContainsFunc(list, func(s span) bool { return s.within(key) })
}

// probe is one random request as the user, and the keys that came back.
type probe func(ctx context.Context, s span) (keys []string, err error)

// TestAuthNeverLeaks: for random permissions and ranges, nothing that a user
// reads, deletes or watches has a key outside of what it may read. And what
// one permission covers is not refused.
func TestAuthNeverLeaks(t *testing.T) {
	rounds := number("PETCD_AUTH_ROUNDS", 40)
	seed := uint64(number("PETCD_SEED", 0))
	if seed == 0 {
		seed = rand.Uint64() >> 1
	}
	t.Logf("PETCD_SEED=%d", seed)
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			if tg.name == process.Etcd34 {
				t.Skip("watches of etcd 3.4.23 from a key on leak (CVE-2026-73499)")
			}
			t.Parallel()
			r := startRealm(t, tg, authFlags...)
			l := &leakTest{realm: r, rng: rand.New(rand.NewPCG(seed, 1))}
			l.ctx = context.Background()
			r.root = l.ctx
			l.addKeys()
			r.addUser(t, "user")
			r.addRole(t, "role")
			r.enable(t)
			l.user = r.login(t, "user", "user")
			for round := range rounds {
				l.newRules(t)
				for range 8 {
					l.probe(t, round)
				}
			}
			require.Positive(t, l.read, "nothing was ever read")
			require.Positive(t, l.refused, "nothing was ever refused")
			t.Logf("%s: %d keys read, %d requests refused", tg.name, l.read, l.refused)
		})
	}
}

func number(env string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil {
		return n
	}
	return otherwise
}

type leakTest struct {
	*realm
	rng           *rand.Rand
	keys          []string
	rules         rules
	user          context.Context
	read, refused int
}

// addKeys chooses the keys that exist; the first write is that of the first
// probe.
func (l *leakTest) addKeys() {
	seen := map[string]bool{}
	for len(l.keys) < 60 {
		if k := l.anyKey(); !seen[k] {
			seen[k] = true
			l.keys = append(l.keys, k)
		}
	}
	slices.Sort(l.keys)
}

func (l *leakTest) anyKey() string {
	k := make([]byte, 1+l.rng.IntN(3))
	for i := range k {
		k[i] = edgeBytes[l.rng.IntN(len(edgeBytes))]
	}
	return string(k)
}

// anySpan is a range of every kind: a key, up to another, from a key on, all,
// and ranges whose end is not behind their key.
func (l *leakTest) anySpan() span {
	s := span{key: l.anyKey()}
	switch l.rng.IntN(6) {
	case 0:
	case 1:
		s.end = "\x00"
	case 2:
		s.end = s.key + "\x00"
	case 3:
		s.key, s.end = "\x00", "\x00"
	default:
		s.end = l.anyKey()
	}
	return s
}

// newRules gives the user's role other permissions.
func (l *leakTest) newRules(t *testing.T) {
	old, err := l.auth.RoleGet(l.root, &pb.AuthRoleGetRequest{Role: "role"})
	require.NoError(t, err)
	for _, p := range old.Perm {
		_, err := l.auth.RoleRevokePermission(l.root, &pb.AuthRoleRevokePermissionRequest{Role: "role", Key: p.Key, RangeEnd: p.RangeEnd})
		require.NoError(t, err)
	}
	l.rules = rules{}
	given := map[span]authpb.Permission_Type{}
	for range 1 + l.rng.IntN(3) {
		s := l.anySpan()
		if s.end != "" && s.end != "\x00" && s.end <= s.key {
			s.end = "" // such a permission is refused
		}
		kind := authpb.Permission_Type(l.rng.IntN(3))
		given[s] = kind
		l.permit(t, "role", &authpb.Permission{PermType: kind, Key: []byte(s.key), RangeEnd: []byte(s.end)})
	}
	for s, kind := range given {
		if kind != authpb.Permission_WRITE {
			l.rules.read = append(l.rules.read, s)
		}
		if kind != authpb.Permission_READ {
			l.rules.write = append(l.rules.write, s)
		}
	}
	_, err = l.auth.UserGrantRole(l.root, &pb.AuthUserGrantRoleRequest{User: "user", Role: "role"})
	require.NoError(t, err)
}

// writeAll puts every key anew, in one revision.
func (l *leakTest) writeAll(t *testing.T) {
	var list []*pb.RequestOp
	for _, k := range l.keys {
		list = append(list, opPut([]byte(k), "v"))
	}
	_, err := l.kv.Txn(l.root, &pb.TxnRequest{Success: list})
	require.NoError(t, err)
}

// probe makes one random request.
func (l *leakTest) probe(t *testing.T, round int) {
	l.writeAll(t)
	kinds := map[string]probe{
		"range": l.probeRange, "stream": l.probeStream, "txn": l.probeTxn, "delete": l.probeDelete,
		"watch": func(ctx context.Context, s span) ([]string, error) { return l.probeWatch(t, ctx, s) },
	}
	names := []string{"range", "stream", "txn", "delete", "watch", "watch"}
	name := names[l.rng.IntN(len(names))]
	s := l.anySpan()
	if len(l.rules.read) > 0 && l.rng.IntN(2) == 0 { // near a permission
		p := l.rules.read[l.rng.IntN(len(l.rules.read))]
		s.key = p.key
		if l.rng.IntN(2) == 0 {
			s.end = p.end
		}
	}
	keys, err := kinds[name](l.user, s)
	what := fmt.Sprintf("round %d: %s of %q with %q", round, name, s, l.rules)
	if err != nil {
		require.Equal(t, status.Convert(rpctypes.ErrGRPCPermissionDenied).Message(), outcomeOf(err), what)
		l.refused++
		covers := func(p span) bool { return p.covers(s) }
		empty := s.end != "" && s.end != "\x00" && s.end <= s.key
		mayRead := slices.ContainsFunc(l.rules.read, covers)
		mayWrite := slices.ContainsFunc(l.rules.write, covers)
		require.True(t, empty || !mayRead || name == "delete" && !mayWrite, what)
		return
	}
	for _, k := range keys {
		l.read++
		require.True(t, anyWithin(l.rules.read, k), "%s: %q", what, k)
		if name == "delete" {
			require.True(t, anyWithin(l.rules.write, k), "%s: %q", what, k)
		}
	}
}

func keysReturned(kvs []*mvccpb.KeyValue) (out []string) {
	for _, kv := range kvs {
		out = append(out, string(kv.Key))
	}
	return out
}

func (l *leakTest) probeRange(ctx context.Context, s span) ([]string, error) {
	resp, err := l.kv.Range(ctx, &pb.RangeRequest{Key: []byte(s.key), RangeEnd: []byte(s.end), Serializable: l.rng.IntN(2) == 0})
	return keysReturned(resp.GetKvs()), err
}

func (l *leakTest) probeStream(ctx context.Context, s span) (keys []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := l.kv.RangeStream(ctx, &pb.RangeRequest{Key: []byte(s.key), RangeEnd: []byte(s.end)})
	for err == nil {
		var resp *pb.RangeStreamResponse
		resp, err = stream.Recv()
		keys = append(keys, keysReturned(resp.GetRangeResponse().GetKvs())...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return keys, err
}

// probeTxn reads in a txn one to three deep, which may write as well.
func (l *leakTest) probeTxn(ctx context.Context, s span) ([]string, error) {
	depth := 1 + l.rng.IntN(3)
	txn := nested(wrapRange(&pb.RangeRequest{Key: []byte(s.key), RangeEnd: []byte(s.end)}), depth, false)
	if len(l.rules.write) > 0 && l.rng.IntN(2) == 0 {
		// Its own key, so that nothing but the read can be refused.
		txn.Success = append(txn.Success, opPut([]byte(l.rules.write[0].key), "t"))
	}
	resp, err := l.kv.Txn(ctx, txn)
	if err != nil {
		return nil, err
	}
	for range depth - 1 {
		resp = resp.Responses[0].GetResponseTxn()
	}
	return keysReturned(resp.Responses[0].GetResponseRange().GetKvs()), nil
}

func (l *leakTest) probeDelete(ctx context.Context, s span) ([]string, error) {
	resp, err := l.kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte(s.key), RangeEnd: []byte(s.end), PrevKv: true})
	return keysReturned(resp.GetPrevKvs()), err
}

// probeWatch watches, has every key written, and gives what came.
func (l *leakTest) probeWatch(t *testing.T, ctx context.Context, s span) (keys []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := l.watch.Watch(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte(s.key), RangeEnd: []byte(s.end), PrevKv: true, Fragment: l.rng.IntN(2) == 0,
	}}}))
	resp, err := stream.Recv()
	require.NoError(t, err)
	if resp.Canceled {
		if resp.CancelReason == "mvcc: watcher range is empty" {
			return nil, nil
		}
		return nil, errorText(resp.CancelReason)
	}
	l.writeAll(t)
	want := 0
	for _, k := range l.keys {
		if s.within(k) {
			want++
		}
	}
	for len(keys) < want {
		resp, err = stream.Recv()
		require.NoError(t, err)
		for _, ev := range resp.Events {
			keys = append(keys, string(ev.Kv.Key))
			if ev.PrevKv != nil {
				require.True(t, bytes.Equal(ev.Kv.Key, ev.PrevKv.Key))
			}
		}
	}
	return keys, nil
}

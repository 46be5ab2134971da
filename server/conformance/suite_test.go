package conformance

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// caseTimeout bounds one case; its context ends then.
const caseTimeout = 45 * time.Second

// family is one kind of RPC: a function that registers its cases.
type family struct {
	name  string
	cases func(*suite)

	// own families get a server to themselves, with these flags and their
	// cases one after the other; the others share one and run side by side.
	own     bool
	members int
	flags   []string

	certificates bool // its clients need them; of API 2 only
}

var families = []family{
	{name: "range", cases: rangeCases},
	{name: "range_sort", cases: rangeSortCases},
	{name: "range_filter", cases: rangeFilterCases},
	{name: "range_stream", cases: rangeStreamCases},
	{name: "put", cases: putCases},
	{name: "delete", cases: deleteCases},
	{name: "txn", cases: txnCases},
	{name: "txn_compare", cases: txnCompareCases},
	{name: "txn_duplicates", cases: txnDuplicateCases},
	{name: "watch", cases: watchCases},
	{name: "watch_ids", cases: watchIDCases},
	{name: "watch_client", cases: watchClientCases},
	{name: "lease", cases: leaseCases},
	{name: "lease_clock", cases: leaseClockCases},
	{name: "maintenance", cases: maintenanceCases},
	{name: "limits", cases: limitCases},
	{name: "malformed", cases: malformedCases},
	{name: "metadata", cases: metadataCases},
	{name: "recipes", cases: recipeCases},
	{name: "http", cases: httpCases},
	{name: "metrics", cases: metricsCases},
	{name: "gateway", cases: gatewayCases},
	{name: "gateway_stream", cases: gatewayStreamCases},
	{name: "lock", cases: lockCases},
	{name: "election", cases: electionCases},
	{name: "gateway_auth", cases: gatewayAuthCases, own: true},
	{name: "gateway_off", cases: gatewayOffCases, own: true, flags: []string{"--enable-grpc-gateway=false"}},
	{name: "cors", cases: corsCases, own: true, flags: []string{"--cors=http://good.example:80"}},
	{name: "host_whitelist", cases: whitelistCases, own: true, flags: []string{"--host-whitelist=127.0.0.1,good.example"}},
	{name: "compact", cases: compactCases, own: true},
	{name: "hash", cases: hashCases, own: true},
	{name: "alarm", cases: alarmCases, own: true},
	{name: "downgrade", cases: downgradeCases, own: true},
	{name: "peer_hash", cases: peerHashCases, own: true},
	{name: "quota", cases: quotaCases, own: true, flags: []string{"--quota-backend-bytes=16777216"}},
	{name: "auth_toggle", cases: authToggleCases, own: true, flags: authFlags},
	{name: "auth_user", cases: authUserCases, own: true, flags: authFlags},
	{name: "auth_role", cases: authRoleCases, own: true, flags: authFlags},
	{name: "auth_permission", cases: authPermissionCases, own: true, flags: authFlags},
	{name: "auth_token", cases: authTokenCases, own: true, flags: authFlags},
	{name: "auth_token_ttl", cases: authTokenTTLCases, own: true, flags: append([]string{"--auth-token-ttl=2"}, authFlags...)},
	{name: "auth_three", cases: authThreeCases, own: true, members: 3, flags: authFlags},
	{name: "cluster_one", cases: clusterOneCases, own: true},
	{name: "cluster_three", cases: clusterThreeCases, own: true, members: 3},
}

// TestConformance runs every family on every target.
func TestConformance(t *testing.T) {
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			var count atomic.Int64
			shared := startServer(t, tg, 1)
			t.Run("v3", func(t *testing.T) {
				for _, f := range families {
					t.Run(f.name, func(t *testing.T) {
						t.Parallel()
						srv := shared
						if f.own {
							srv = startServer(t, tg, max(1, f.members), f.flags...)
						}
						f.cases(&suite{t: t, srv: srv, family: f, count: &count})
					})
				}
			})
			t.Logf("%s: %d cases", tg.name, count.Load())
		})
	}
}

// suite is what a family registers its cases with.
type suite struct {
	t      *testing.T
	srv    *server
	family family
	count  *atomic.Int64
}

// env is what a case works with: the server, a deadline, and its own prefix.
type env struct {
	*server
	ctx    context.Context
	prefix string
}

// run registers one case.
func (s *suite) run(name string, fn func(t *testing.T, e *env)) {
	s.count.Add(1)
	s.t.Run(name, func(t *testing.T) {
		if !s.family.own {
			t.Parallel()
		}
		// Not t.Context: a case's cleanups still talk to the server.
		ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
		t.Cleanup(cancel)
		if !s.family.own {
			go func() { // a dead server fails its cases at once
				select {
				case <-s.srv.cluster.Member(0).Exited():
					cancel()
				case <-ctx.Done():
				}
			}()
		}
		fn(t, &env{server: s.srv, ctx: ctx, prefix: s.family.name + "/" + name + "/"})
	})
}

// key is a key below the case's prefix.
func (e *env) key(name string) []byte { return []byte(e.prefix + name) }

// end is the range end of everything below the case's prefix.
func (e *env) end() []byte {
	end := []byte(e.prefix)
	end[len(end)-1]++
	return end
}

// until polls cond until it holds or the case's time is up.
func (e *env) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			require.FailNow(t, "timed out waiting", what)
		}
	}
}

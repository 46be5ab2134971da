package conformance

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// v2Flags start a server with API 2, which the real one leaves out by default.
var v2Flags = []string{"--enable-v2"}

// v2Families are the cases of API 2. Those of scripts are in testdata/v2, a file for each family.
var v2Families = []family{
	{name: "get", cases: v2Script},
	{name: "set", cases: v2Script},
	{name: "create", cases: v2Script},
	{name: "inorder", cases: v2Script},
	{name: "update", cases: v2Script},
	{name: "cas", cases: v2Script},
	{name: "cad", cases: v2Script},
	{name: "delete", cases: v2Script},
	{name: "directory", cases: v2Script},
	{name: "hidden", cases: v2Script},
	{name: "ttl", cases: v2Script},
	{name: "refresh", cases: v2Script},
	{name: "watch", cases: v2Script},
	{name: "stream", cases: v2Script},
	{name: "history", cases: v2Script},
	{name: "parameters", cases: v2Script},
	{name: "methods", cases: v2Script},
	{name: "paths", cases: v2Script},
	{name: "members", cases: v2Script, own: true}, // raft drops a change of members while another is under way
	{name: "pages", cases: v2PageCases},
	{name: "watchers", cases: v2WatcherCases, own: true},
	{name: "history_end", cases: v2HistoryEndCases, own: true},
	{name: "off", cases: v2OffCases, own: true, flags: []string{"--enable-v2=false"}},
	{name: "access", cases: v2WhitelistCases, own: true, flags: []string{"--host-whitelist=127.0.0.1,good.example", "--cors=http://good.example:80"}},
	{name: "member_changes", cases: v2MemberCases, own: true, members: 3},
	{name: "three", cases: v2ThreeCases, own: true, members: 3},
}

// TestConformanceV2 runs the families of API 2 on every target that has it.
func TestConformanceV2(t *testing.T) {
	for _, tg := range targets(t) {
		if !tg.has(apiV2) {
			continue
		}
		t.Run(tg.name, func(t *testing.T) {
			var count atomic.Int64
			shared := startServer(t, tg, 1, v2Flags...)
			shared.firstKey(t)
			t.Run("v2", func(t *testing.T) {
				for _, f := range slices.Concat(v2Families, v2AuthFamilies) {
					t.Run(f.name, func(t *testing.T) {
						t.Parallel()
						srv := shared
						flags := slices.Concat(v2Flags, f.flags)
						switch {
						case f.certificates:
							srv = startCertified(t, tg, flags)
							srv.firstKey(t)
						case f.own:
							srv = startServer(t, tg, max(1, f.members), flags...)
							srv.firstKey(t)
						}
						f.cases(&suite{t: t, srv: srv, family: f, count: &count})
					})
				}
			})
			t.Logf("%s: %d cases of API 2", tg.name, count.Load())
		})
	}
}

// startCertified runs a server whose clients need certificates. A certificate names a user at no cost, where the real server
// works 60 ms for each password.
func startCertified(t *testing.T, tg target, flags []string) *server {
	t.Helper()
	s := startSecure(t, tg, secureOptions{flags: func(*secureServer, *process.Member) []string { return flags }})
	clients := map[string]*http.Client{}
	return &server{target: tg, cluster: s.cluster, as: func(user string) *http.Client {
		if clients[user] == nil {
			clients[user] = &http.Client{
				Transport:     &http.Transport{TLSClientConfig: s.ca.Config(s.ca.Client(user, user)), DisableCompression: true},
				CheckRedirect: v2Client.CheckRedirect,
			}
			t.Cleanup(clients[user].CloseIdleConnections)
		}
		return clients[user]
	}}
}

// http is a client that is known as a user by its certificate, or as nobody's if user is empty.
func (s *server) http(user string) *http.Client {
	switch {
	case s.as == nil:
		return v2Client
	case user == "":
		return s.as("stranger") // there is no such user
	}
	return s.as(user)
}

// firstKey makes a change, so that the tree's index is not 0: etcd's tree begins with what the cluster wrote about itself.
func (s *server) firstKey(t *testing.T) {
	t.Helper()
	resp, err := s.http("").PostForm(s.cluster.Member(0).ClientURL+"/v2/keys/first", nil)
	require.NoError(t, err)
	require.Contains(t, []int{http.StatusCreated, http.StatusNotFound}, resp.StatusCode) // the latter without API 2
	require.NoError(t, resp.Body.Close())
}

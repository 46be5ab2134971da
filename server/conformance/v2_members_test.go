package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// v2Member is a member as API 2 shows it.
type v2Member struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
}

// v2MemberCases: members of a cluster of three, and changes of them.
func v2MemberCases(s *suite) {
	list := func(t *testing.T, e *env) []v2Member {
		t.Helper()
		var all struct{ Members []v2Member }
		code, body := e.text(t, http.MethodGet, "/v2/members", "")
		require.Equal(t, http.StatusOK, code, body)
		require.NoError(t, json.Unmarshal([]byte(body), &all))
		again, err := json.Marshal(map[string]any{"members": all.Members})
		require.NoError(t, err)
		require.Equal(t, string(again)+"\n", body, "the fields, in their order, and no others")
		return all.Members
	}
	change := func(t *testing.T, e *env, method, id string, urls ...string) (int, string) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"peerURLs": urls})
		require.NoError(t, err)
		return e.text(t, method, "/v2/members"+id, string(body), "Content-Type", "application/json")
	}
	s.run("list", func(t *testing.T, e *env) {
		all := list(t, e)
		require.True(t, slices.IsSortedFunc(all, func(a, b v2Member) int { return strings.Compare(padded(a.ID), padded(b.ID)) }), "by id")
		require.Len(t, all, 3)
		for _, m := range e.cluster.Members() {
			i := slices.IndexFunc(all, func(v v2Member) bool { return v.Name == m.Name })
			require.GreaterOrEqual(t, i, 0)
			require.Equal(t, []string{m.ClientURL}, all[i].ClientURLs)
			require.Equal(t, []string{m.PeerURL}, all[i].PeerURLs)
			require.NotContains(t, all[i].ID, "0x")
		}
	})
	s.run("list_with_a_slash", func(t *testing.T, e *env) {
		_, plain := e.text(t, http.MethodGet, "/v2/members", "")
		code, slash := e.text(t, http.MethodGet, "/v2/members/", "")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, plain, slash)
	})
	s.run("same_list_everywhere", func(t *testing.T, e *env) {
		_, want := e.text(t, http.MethodGet, "/v2/members", "")
		for _, m := range e.cluster.Members() {
			_, got, err := m.Get(e.ctx, "/v2/members")
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	})
	s.run("leader", func(t *testing.T, e *env) {
		var seen []string
		for _, m := range e.cluster.Members() {
			_, body, err := m.Get(e.ctx, "/v2/members/leader")
			require.NoError(t, err)
			seen = append(seen, body)
		}
		require.Equal(t, seen[0], seen[1])
		require.Equal(t, seen[0], seen[2])
		var leader v2Member
		require.NoError(t, json.Unmarshal([]byte(seen[0]), &leader))
		again, err := json.Marshal(leader)
		require.NoError(t, err)
		require.Equal(t, string(again)+"\n", seen[0])
		require.Contains(t, list(t, e), leader)
	})
	s.run("headers", func(t *testing.T, e *env) {
		resp := e.send(t, http.MethodGet, "/v2/members", "")
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.Regexp(t, "^[0-9a-f]+$", resp.Header.Get("X-Etcd-Cluster-Id"))
		require.Empty(t, resp.Header.Get("X-Etcd-Index"))
		keys := e.send(t, http.MethodGet, "/v2/keys", "")
		require.Equal(t, resp.Header.Get("X-Etcd-Cluster-Id"), keys.Header.Get("X-Etcd-Cluster-Id"))
	})
	s.run("machines", func(t *testing.T, e *env) {
		want := e.cluster.Endpoints()
		slices.Sort(want)
		code, body := e.text(t, http.MethodGet, "/v2/machines", "")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, strings.Join(want, ", "), body)
	})
	s.run("taken_peer_url", func(t *testing.T, e *env) {
		var code int
		var body string
		e.until(t, "members that are connected for long enough", func() bool {
			code, body = change(t, e, http.MethodPost, "", e.cluster.Member(1).PeerURL)
			return code != http.StatusInternalServerError
		})
		require.Equal(t, http.StatusConflict, code)
		require.Equal(t, `{"message":"membership: peerURL exists"}`, body)
	})
	s.run("add_update_remove", func(t *testing.T, e *env) {
		url, other := freePeerURL(t), freePeerURL(t)
		code, body := change(t, e, http.MethodPost, "", url)
		require.Equal(t, http.StatusCreated, code, body)
		var m v2Member
		require.NoError(t, json.Unmarshal([]byte(body), &m))
		require.Equal(t, fmt.Sprintf(`{"id":"%s","name":"","peerURLs":["%s"],"clientURLs":[]}`+"\n", m.ID, url), body)
		require.Contains(t, list(t, e), m)

		code, body = change(t, e, http.MethodPut, "/"+m.ID, other)
		require.Equal(t, http.StatusNoContent, code, body)
		require.Empty(t, body)
		m.PeerURLs = []string{other}
		require.Contains(t, list(t, e), m)

		code, body = change(t, e, http.MethodPut, "/"+m.ID, e.cluster.Member(0).PeerURL)
		require.Equal(t, http.StatusConflict, code)
		require.Equal(t, `{"message":"membership: peerURL exists"}`, body)

		code, body = e.text(t, http.MethodDelete, "/v2/members/"+m.ID, "")
		require.Equal(t, http.StatusNoContent, code, body)
		require.Empty(t, body)
		require.Len(t, list(t, e), 3)

		code, body = e.text(t, http.MethodDelete, "/v2/members/"+m.ID, "")
		require.Equal(t, http.StatusGone, code)
		require.Equal(t, `{"message":"Member permanently removed: `+m.ID+`"}`, body)
		code, body = change(t, e, http.MethodPut, "/"+m.ID, other)
		require.Equal(t, http.StatusInternalServerError, code)
		require.Equal(t, `{"message":"Internal Server Error"}`, body)
	})
	s.run("remove_a_member", func(t *testing.T, e *env) {
		i := slices.IndexFunc(list(t, e), func(m v2Member) bool { return m.Name == e.cluster.Member(2).Name })
		code, body := e.text(t, http.MethodDelete, "/v2/members/"+list(t, e)[i].ID, "")
		require.Equal(t, http.StatusNoContent, code, body)
		require.Len(t, list(t, e), 2)
		r := newV2Run(t, e)
		e.until(t, "a leader", func() bool { return strings.HasPrefix(r.do("PUT /a value=1")[0], "20") }) // it may be the one that left
	})
}

// padded is an id with its leading zeros.
func padded(id string) string { return strings.Repeat("0", 16-len(id)) + id }

// freePeerURL is a peer URL that nobody listens on.
func freePeerURL(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort()
	require.NoError(t, err)
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// peerAnswer is what a member's peer port says.
type peerAnswer struct {
	status int
	header http.Header
	body   string
}

// peer asks the first member as another member would.
func (e *env) peer(t *testing.T, method, path string, header http.Header, body string) peerAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(e.ctx, method, e.cluster.Member(0).PeerURL+path, strings.NewReader(body))
	require.NoError(t, err)
	for name, values := range header {
		req.Header[name] = values
	}
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return peerAnswer{resp.StatusCode, resp.Header, string(b)}
}

// peerHashCases: what members ask each other for, to find one whose keys differ.
func peerHashCases(s *suite) {
	const path = "/members/hashkv"
	s.run("hash_at_a_revision", func(t *testing.T, e *env) {
		needs(t, e, peerHash)
		rev := e.put(t, "a", "1")
		want, err := e.maint.HashKV(e.ctx, &pb.HashKVRequest{Revision: rev})
		require.NoError(t, err)
		e.put(t, "a", "2")
		got := e.peer(t, http.MethodGet, path, nil, `{"revision":`+fmt.Sprint(rev)+`}`)
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, "application/json", got.header.Get("Content-Type"))
		require.NotEmpty(t, got.header.Get("X-Etcd-Cluster-ID"))
		require.Contains(t, got.body, `"hash":`+fmt.Sprint(want.Hash))
		require.JSONEq(t, `{"header":{"revision":`+fmt.Sprint(rev+1)+`},"hash":`+fmt.Sprint(want.Hash)+
			`,"compact_revision":-1,"hash_revision":`+fmt.Sprint(rev)+`}`, got.body)
	})
	for _, c := range []struct {
		name, method string
		header       http.Header
		body         string
		status       int
		text         string
	}{
		{"post", http.MethodPost, nil, `{"revision":1}`, http.StatusMethodNotAllowed, "Method Not Allowed\n"},
		{"no_json", http.MethodGet, nil, `x`, http.StatusBadRequest, "error unmarshalling request\n"},
		{"no_body", http.MethodGet, nil, ``, http.StatusBadRequest, "error unmarshalling request\n"},
		{"future", http.MethodGet, nil, `{"revision":1000000}`, http.StatusBadRequest, "mvcc: required revision is a future revision\n"},
	} {
		s.run(c.name, func(t *testing.T, e *env) {
			needs(t, e, peerHash)
			got := e.peer(t, c.method, path, c.header, c.body)
			require.Equal(t, c.status, got.status)
			require.Equal(t, c.text, got.body)
		})
	}
	s.run("other_cluster", func(t *testing.T, e *env) {
		needs(t, e, peerHash)
		got := e.peer(t, http.MethodGet, path, http.Header{"X-Etcd-Cluster-Id": {"12"}}, `{}`)
		require.Equal(t, http.StatusPreconditionFailed, got.status)
		require.Equal(t, "cluster ID mismatch\n", got.body)
	})
	s.run("compacted", func(t *testing.T, e *env) {
		needs(t, e, peerHash)
		e.put(t, "a", "1")
		rev := e.put(t, "a", "2")
		_, err := e.kv.Compact(e.ctx, &pb.CompactionRequest{Revision: rev, Physical: true})
		require.NoError(t, err)
		got := e.peer(t, http.MethodGet, path, nil, `{"revision":`+fmt.Sprint(rev-1)+`}`)
		if got.status == http.StatusOK { // etcd answers with the hash it kept of the compaction
			require.Contains(t, got.body, `"compact_revision":`)
			return
		}
		require.Equal(t, http.StatusBadRequest, got.status)
		require.Equal(t, "mvcc: required revision has been compacted\n", got.body)
	})
}

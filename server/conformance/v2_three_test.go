package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// v2Ask sends a request for a key to one member.
func v2Ask(ctx context.Context, t *testing.T, m *process.Member, method, path string, form url.Values) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, m.ClientURL+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v2Client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body), resp.Header
}

// v2Value is a form that sets a value.
func v2Value(v string) url.Values { return url.Values{"value": {v}} }

// v2ThreeCases: API 2 on three members. The last case leaves one of them alone.
func v2ThreeCases(s *suite) {
	v2ThreeKeyCases(s)
	v2ThreeWatchCases(s)
	v2ThreeStatsCases(s)
	v2LonelyCases(s)
}

// v2ThreeKeyCases: any member serves reads and writes, and all have the same tree.
func v2ThreeKeyCases(s *suite) {
	s.run("write_through_any_member", func(t *testing.T, e *env) {
		for i, m := range e.cluster.Members() {
			code, body, h := v2Ask(e.ctx, t, m, http.MethodPut, "/v2/keys/any/"+m.Name, v2Value("1"))
			require.Equal(t, http.StatusCreated, code, "member %d: %s", i, body)
			require.Empty(t, h.Get("Location"), "nobody is sent elsewhere")
		}
	})
	s.run("linearizable_read_sees_what_was_acknowledged", func(t *testing.T, e *env) {
		for round := range 10 {
			writer := e.cluster.Member(round % 3)
			want := string(rune('a' + round))
			code, body, _ := v2Ask(e.ctx, t, writer, http.MethodPut, "/v2/keys/q", v2Value(want))
			require.Less(t, code, 300, body)
			for _, m := range e.cluster.Members() {
				_, body, _ := v2Ask(e.ctx, t, m, http.MethodGet, "/v2/keys/q?quorum=true", nil)
				require.Contains(t, body, `"value":"`+want+`"`)
			}
		}
	})
	s.run("own_write_is_read", func(t *testing.T, e *env) {
		for _, m := range e.cluster.Members() {
			v2Ask(e.ctx, t, m, http.MethodPut, "/v2/keys/own", v2Value(m.Name))
			_, body, _ := v2Ask(e.ctx, t, m, http.MethodGet, "/v2/keys/own", nil)
			require.Contains(t, body, `"value":"`+m.Name+`"`)
		}
	})
	s.run("compare_and_swap_has_one_winner", func(t *testing.T, e *env) {
		v2Ask(e.ctx, t, e.cluster.Member(0), http.MethodPut, "/v2/keys/n", v2Value("0"))
		before := "0"
		for round := range 9 {
			type outcome struct {
				code  int
				value string
			}
			var outcomes [3]outcome
			var swaps sync.WaitGroup
			for i, m := range e.cluster.Members() {
				swaps.Go(func() {
					mine := fmt.Sprintf("%d by %d", round, i)
					code, _, _ := v2Ask(e.ctx, t, m, http.MethodPut, "/v2/keys/n", url.Values{"value": {mine}, "prevValue": {before}})
					outcomes[i] = outcome{code, mine}
				})
			}
			swaps.Wait()
			won := slices.IndexFunc(outcomes[:], func(o outcome) bool { return o.code == http.StatusOK })
			require.GreaterOrEqual(t, won, 0, "round %d: %v", round, outcomes)
			for i, o := range outcomes {
				if i != won {
					require.Equal(t, http.StatusPreconditionFailed, o.code, "round %d: %v", round, outcomes)
				}
			}
			before = outcomes[won].value
			_, body, _ := v2Ask(e.ctx, t, e.cluster.Member(round%3), http.MethodGet, "/v2/keys/n?quorum=true", nil)
			require.Contains(t, body, `"value":"`+before+`"`)
		}
	})
	s.run("same_indexes_everywhere", func(t *testing.T, e *env) {
		_, want, _ := v2Ask(e.ctx, t, e.cluster.Member(0), http.MethodPut, "/v2/keys/same", v2Value("1"))
		want = want[strings.Index(want, `"node"`):]
		for _, m := range e.cluster.Members() {
			_, got, _ := v2Ask(e.ctx, t, m, http.MethodGet, "/v2/keys/same?quorum=true", nil)
			require.Equal(t, want, got[strings.Index(got, `"node"`):])
		}
	})
}

// v2ThreeWatchCases: each member tells of the same events, at the same index.
func v2ThreeWatchCases(s *suite) {
	s.run("watch_on_each_member", func(t *testing.T, e *env) {
		type reader struct{ body io.ReadCloser }
		var readers []reader
		for _, m := range e.cluster.Members() {
			req, err := http.NewRequestWithContext(e.ctx, http.MethodGet, m.ClientURL+"/v2/keys/w?wait=true", nil)
			require.NoError(t, err)
			resp, err := v2Client.Do(req)
			require.NoError(t, err)
			readers = append(readers, reader{resp.Body})
		}
		v2Ask(e.ctx, t, e.cluster.Member(1), http.MethodPut, "/v2/keys/w", v2Value("1"))
		var seen []string
		for _, r := range readers {
			body, err := io.ReadAll(r.body)
			require.NoError(t, err)
			require.NoError(t, r.body.Close())
			seen = append(seen, string(body))
		}
		require.Contains(t, seen[0], `"value":"1"`)
		require.Equal(t, seen[0], seen[1])
		require.Equal(t, seen[0], seen[2])
	})
	s.run("expiry_at_the_same_index", func(t *testing.T, e *env) {
		_, body, h := v2Ask(e.ctx, t, e.cluster.Member(0), http.MethodPut, "/v2/keys/t", url.Values{"value": {"1"}, "ttl": {"1"}})
		set, err := strconv.Atoi(h.Get("X-Etcd-Index"))
		require.NoError(t, err, body)
		var seen []string
		for _, m := range e.cluster.Members() {
			_, body, _ := v2Ask(e.ctx, t, m, http.MethodGet, fmt.Sprintf("/v2/keys/t?wait=true&waitIndex=%d", set+1), nil)
			seen = append(seen, body)
		}
		require.Contains(t, seen[0], `"action":"expire"`)
		require.Equal(t, seen[0], seen[1])
		require.Equal(t, seen[0], seen[2])
	})
}

// v2LonelyCases: a member without a quorum.
func v2LonelyCases(s *suite) {
	s.run("without_a_quorum", func(t *testing.T, e *env) {
		survivor := e.cluster.Member(0)
		v2Ask(e.ctx, t, survivor, http.MethodPut, "/v2/keys/there", v2Value("1"))
		require.NoError(t, e.cluster.Member(1).Kill())
		require.NoError(t, e.cluster.Member(2).Kill())
		code, body, _ := v2Ask(e.ctx, t, survivor, http.MethodGet, "/v2/keys/there", nil)
		require.Equal(t, http.StatusOK, code, "a read of its own: %s", body)

		read := make(chan string, 1)
		go func() {
			defer close(read) // also when v2Ask ends the goroutine
			code, body, _ := v2Ask(e.ctx, t, survivor, http.MethodGet, "/v2/keys/there?quorum=true", nil)
			read <- fmt.Sprint(code, " ", body)
		}()
		code, body, h := v2Ask(e.ctx, t, survivor, http.MethodPut, "/v2/keys/there", v2Value("2"))
		require.Equal(t, http.StatusInternalServerError, code)
		require.Regexp(t, `^\{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out[^"]*","index":0\}\n$`, body)
		require.Equal(t, "0", h.Get("X-Etcd-Index"))
		require.Contains(t, <-read, `500 {"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out`)
		e.until(t, "the member to notice", func() bool {
			code, _, _ := v2Ask(e.ctx, t, survivor, http.MethodGet, "/v2/members/leader", nil)
			return code == http.StatusServiceUnavailable
		})
		_, body, _ = v2Ask(e.ctx, t, survivor, http.MethodGet, "/v2/members/leader", nil)
		require.Equal(t, `{"message":"During election"}`, body)
	})
}

package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rows of the table are patterns of a role, its columns the paths of requests, after /v2/keys. + is allowed.
var (
	v2PatternPaths = []string{"", "/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/x"}
	v2PatternTable = []struct {
		pattern, key, below string
	}{
		{"/a", "--+-----", "--------"},
		{"/a/", "---+----", "--------"},
		{"/a/b", "----+---", "--------"},
		{"/a/*", "---+++--", "---+++--"},
		{"/a*", "--+++++-", "--+++++-"},
		{"/a/b*", "----++--", "----++--"},
		{"/*", "-+++++++", "-+++++++"},
		{"*", "++++++++", "++++++++"},
		{"a", "--------", "--------"},
		{"a*", "--------", "--------"},
		{"/", "-+------", "--------"},
		{"/*/c", "--------", "--------"},
		{"/a/b/c/d*", "--------", "--------"},
	}
)

// v2PatternRequest is a way to ask for a path that changes nothing whether it is allowed or not.
type v2PatternRequest struct {
	name   string
	method string
	query  string
	write  bool
	below  bool // it is about all below the path as well
}

var v2PatternRequests = []v2PatternRequest{
	{name: "get", method: http.MethodGet},
	{name: "head", method: http.MethodHead},
	{name: "get_quorum", method: http.MethodGet, query: "quorum=true"},
	{name: "wait", method: http.MethodGet, query: "wait=true&waitIndex=1000000000"},
	{name: "get_recursive", method: http.MethodGet, query: "recursive=true", below: true},
	{name: "wait_recursive", method: http.MethodGet, query: "wait=true&recursive=true&waitIndex=1000000000", below: true},
	{name: "swap", method: http.MethodPut, query: "prevValue=never&value=1", write: true},
	{name: "update", method: http.MethodPut, query: "prevExist=true&prevIndex=1000000000&value=1", write: true},
	{name: "delete", method: http.MethodDelete, query: "prevValue=never", write: true},
	{name: "delete_recursive", method: http.MethodDelete, query: "prevIndex=1000000000&recursive=true", write: true, below: true},
}

// v2PatternCases: what each pattern allows in each way of asking, to guests and to a user who has their role. For guests the real server looks
// at the path alone, whatever is below it.
func v2PatternCases(s *suite) {
	do := func(t *testing.T, e *env, user, method, path, body string) int {
		t.Helper()
		r := newV2Run(t, e)
		line := path + " " + body
		if user != "" {
			line += " | as: " + user
		}
		resp := r.send(method, line)
		if !strings.Contains(path, "wait=") || resp.StatusCode != http.StatusOK {
			_, err := io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
		}
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	kv := func(pattern string, write bool) string {
		if write {
			return fmt.Sprintf(`{"kv":{"write":[%q]}}`, pattern)
		}
		return fmt.Sprintf(`{"kv":{"read":[%q]}}`, pattern)
	}
	granted := `{"kv":{"read":["/*"],"write":["/*"]}}` // to the role guest, by default
	s.run("setup", func(t *testing.T, e *env) {
		for _, path := range []string{"/a/b/c", "/ab", "/x"} {
			require.Equal(t, http.StatusCreated, do(t, e, "", http.MethodPut, "/v2/keys"+path, "value=1"))
		}
		require.Equal(t, http.StatusCreated, do(t, e, "", http.MethodPut, "/v2/auth/users/root", `{"user":"root","password":"r"}`))
		require.Equal(t, http.StatusOK, do(t, e, "", http.MethodPut, "/v2/auth/users/ann", `{"user":"ann","password":"a","roles":["guest","absent"]}`))
		require.Equal(t, http.StatusOK, do(t, e, "", http.MethodPut, "/v2/auth/enable", ""))
	})
	for _, row := range v2PatternTable {
		for _, write := range []bool{false, true} {
			name := strings.NewReplacer("/", "_", "*", "any").Replace(row.pattern) + map[bool]string{false: " read", true: " write"}[write]
			s.run(name, func(t *testing.T, e *env) {
				change := fmt.Sprintf(`{"role":"guest","revoke":%s,"grant":%s}`, granted, kv(row.pattern, write))
				require.Equal(t, http.StatusOK, do(t, e, "root", http.MethodPut, "/v2/auth/roles/guest", change))
				granted = kv(row.pattern, write)
				for _, request := range v2PatternRequests {
					for _, user := range []string{"", "ann"} {
						want := strings.Repeat("-", len(v2PatternPaths))
						if request.write == write {
							want = row.key
							if request.below && user != "" {
								want = row.below
							}
						}
						got := ""
						for _, path := range v2PatternPaths {
							status := do(t, e, user, request.method, "/v2/keys"+path+"?"+request.query, "")
							if status == http.StatusUnauthorized {
								got += "-"
							} else {
								got += "+"
							}
						}
						require.Equal(t, want, got, "%s by %q of %q", request.name, user, v2PatternPaths)
					}
				}
			})
		}
	}
	s.run("nothing_was_changed", func(t *testing.T, e *env) {
		require.Equal(t, http.StatusOK, do(t, e, "root", http.MethodDelete, "/v2/auth/enable", ""))
		for _, path := range []string{"/a/b/c", "/ab", "/x"} {
			r := newV2Run(t, e)
			require.Contains(t, strings.Join(r.do("GET /v2/keys"+path), "\n"), `"value":"1"`)
		}
	})
}

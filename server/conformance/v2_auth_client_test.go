package conformance

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// v2Caller asks one member's API 2 as one user, or with one certificate.
type v2Caller struct {
	url    string
	client *http.Client // nil: without TLS
	as     string       // NAME:PASSWORD; empty: nobody
}

// user is the same member, asked by another user.
func (c v2Caller) user(as string) v2Caller {
	c.as = as
	return c
}

// do sends "METHOD /path" below /v2 and returns the answer's status and body. A body beginning with "{" is JSON, any other a
// form.
func (c v2Caller) do(t *testing.T, line, body string) (status int, answer string) {
	t.Helper()
	resp, err := c.try(t, line, body)
	require.NoError(t, err, line)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err, line)
	return resp.StatusCode, strings.TrimSpace(string(data))
}

// try is do for answers that may not come.
func (c v2Caller) try(t *testing.T, line, body string) (*http.Response, error) {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, c.url+"/v2"+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" && body[0] != '{' {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.as != "" {
		name, password, _ := strings.Cut(c.as, ":")
		req.SetBasicAuth(name, password)
	}
	client := c.client
	if client == nil {
		client = v2Client
	}
	return client.Do(req)
}

// must is do for what succeeds.
func (c v2Caller) must(t *testing.T, line, body string) {
	t.Helper()
	status, answer := c.do(t, line, body)
	require.Less(t, status, 300, "%s: %s", line, answer)
}

// is requires the status of an answer.
func (c v2Caller) is(t *testing.T, want int, line, body string) {
	t.Helper()
	status, answer := c.do(t, line, body)
	require.Equal(t, want, status, "%s as %q: %s", line, c.as, answer)
}

// lockUp makes root (password "r") and ann ("a"), who may read and write below /in, and leaves guests what is below /open; then it
// turns authentication on. There is a key in each place, and one in /out.
func (c v2Caller) lockUp(t *testing.T) (root v2Caller) {
	t.Helper()
	for _, key := range []string{"/in/a", "/open/a", "/out/a"} {
		c.must(t, "PUT /keys"+key, "value=1")
	}
	c.must(t, "PUT /auth/users/root", `{"user":"root","password":"r"}`)
	c.must(t, "PUT /auth/roles/in", `{"role":"in","permissions":{"kv":{"read":["/in/*"],"write":["/in/*"]}}}`)
	c.must(t, "PUT /auth/roles/guest", `{"role":"guest","permissions":{"kv":{"read":["/open/*"],"write":["/open/*"]}}}`)
	c.must(t, "PUT /auth/users/ann", `{"user":"ann","password":"a","roles":["in"]}`)
	c.must(t, "PUT /auth/enable", "")
	return c.user("root:r")
}

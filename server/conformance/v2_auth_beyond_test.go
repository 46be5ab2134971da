package conformance

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// forPetcd runs a test of what petcd does better than the real server, and on petcd alone.
func forPetcd(t *testing.T, fn func(t *testing.T, tg target)) {
	for _, tg := range targets(t) {
		if tg.name == process.Petcd {
			fn(t, tg)
		}
	}
}

// TestV2GrantsAtOnce: none of many grants at a time is lost. The real server reads, then writes whatever is there by then.
func TestV2GrantsAtOnce(t *testing.T) {
	t.Parallel()
	forPetcd(t, func(t *testing.T, tg target) {
		srv := startServer(t, tg, 3, authFlags...)
		members := srv.cluster.Members()
		first := v2Caller{url: members[0].ClientURL}
		first.must(t, "PUT /auth/users/ann", `{"user":"ann","password":"a"}`)
		first.must(t, "PUT /auth/roles/app", `{"role":"app"}`)
		var done sync.WaitGroup
		const grants = 24
		errs := make(chan error, 2*grants)
		for i := range grants {
			done.Go(func() {
				c := v2Caller{url: members[i%len(members)].ClientURL}
				for line, body := range map[string]string{
					"PUT /auth/users/ann": fmt.Sprintf(`{"user":"ann","grant":["r%02d"]}`, i),
					"PUT /auth/roles/app": fmt.Sprintf(`{"role":"app","grant":{"kv":{"read":["/r%02d"]}}}`, i),
				} {
					resp, err := c.try(t, line, body)
					if err == nil {
						_ = resp.Body.Close()
						if resp.StatusCode != http.StatusOK {
							err = fmt.Errorf("%s: status %d", line, resp.StatusCode)
						}
					}
					errs <- err
				}
			})
		}
		done.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		// One more change of each shows all that there is.
		_, user := first.do(t, "PUT /auth/users/ann", `{"user":"ann","grant":["last"]}`)
		_, role := first.do(t, "PUT /auth/roles/app", `{"role":"app","grant":{"kv":{"read":["/last"]}}}`)
		for i := range grants {
			require.Contains(t, user, fmt.Sprintf(`"r%02d"`, i))
			require.Contains(t, role, fmt.Sprintf(`"/r%02d"`, i))
		}
	})
}

// TestV2AuthOddNames: names and patterns on which the real server's handler panics, so that it hangs up.
func TestV2AuthOddNames(t *testing.T) {
	t.Parallel()
	forPetcd(t, func(t *testing.T, tg target) {
		s := startSecure(t, tg, secureOptions{flags: func(*secureServer, *process.Member) []string { return authFlags }})
		stranger := s.v2(s.ca.Client("stranger", "stranger"))
		root := stranger.lockUp(t)
		for _, name := range []string{"", ".", "..", "../roles", "../../1/in"} {
			stranger.user(name+":x").is(t, http.StatusUnauthorized, "GET /keys/open/a", "")
			stranger.user(name+":").is(t, http.StatusUnauthorized, "GET /auth/users", "")
		}
		root.must(t, "PUT /auth/users/ben", `{"user":"ben","password":"b","roles":["",".","..","../users/root","empty","in"]}`)
		root.must(t, "PUT /auth/roles/empty", `{"role":"empty","permissions":{"kv":{"read":[""],"write":[""]}}}`)
		ben := stranger.user("ben:b")
		ben.is(t, http.StatusOK, "GET /keys/in/a", "")
		ben.is(t, http.StatusUnauthorized, "GET /keys/out/a", "")
		ben.is(t, http.StatusUnauthorized, "GET /keys", "")
		ben.is(t, http.StatusUnauthorized, "GET /auth/users", "")
		requireNoPanic(t, s.cluster.Member(0))
	})
}

// TestV2WhileAPI3HasUsers: users of API 3 do not count for keys of API 2, but nobody gets around them to change members or
// to become API 2's root. The real server lets everybody.
func TestV2WhileAPI3HasUsers(t *testing.T) {
	t.Parallel()
	forPetcd(t, func(t *testing.T, tg target) {
		r, _ := guarded(t, tg)
		nobody := v2Caller{url: r.cluster.Member(0).ClientURL}
		nobody.is(t, http.StatusCreated, "PUT /keys/a", "value=1")
		nobody.is(t, http.StatusOK, "GET /members", "")
		for _, c := range []v2Caller{nobody, nobody.user("user:user"), nobody.user("root:wrong")} {
			c.is(t, http.StatusUnauthorized, "DELETE /members/1", "")
			c.is(t, http.StatusUnauthorized, "PUT /auth/users/root", `{"user":"root","password":"r"}`)
			c.is(t, http.StatusUnauthorized, "GET /auth/users", "")
			c.is(t, http.StatusUnauthorized, "PUT /auth/enable", "")
		}
		root := nobody.user("root:" + rootPassword)
		root.is(t, http.StatusNotFound, "DELETE /members/1", "")
		root.is(t, http.StatusCreated, "PUT /auth/users/root", `{"user":"root","password":"r"}`)
		root.is(t, http.StatusOK, "PUT /auth/enable", "")
		// From now on API 2 has a root of its own.
		root.is(t, http.StatusUnauthorized, "GET /auth/users", "")
		nobody.user("root:r").is(t, http.StatusOK, "GET /auth/users", "")
	})
}

// v2Origin: CVE-2018-1098 by API 2, whose requests look like a form's.
func v2Origin(t *testing.T, url string) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		for _, path := range []string{"/v2/keys/a?value=1", "/v2/auth/enable", "/v2/members"} {
			code, text := send(t, method, url+path, "value=1", map[string]string{"Origin": "http://evil.example:80", "Content-Type": "text/plain"})
			require.Equal(t, http.StatusForbidden, code, text)
		}
	}
	code, text := send(t, http.MethodPut, url+"/v2/keys/a?value=1", "", map[string]string{"Origin": "http://good.example:80"})
	require.Equal(t, http.StatusCreated, code, text)
}

// v2Host: CVE-2018-1099 by API 2.
func v2Host(t *testing.T, url string) {
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		code, _ := send(t, method, url+"/v2/keys/a?value=1", "", map[string]string{"Host": "evil.example"})
		require.Equal(t, http.StatusMisdirectedRequest, code)
	}
	code, text := send(t, http.MethodPut, url+"/v2/keys/a?value=1", "", map[string]string{"Host": "good.example"})
	require.Equal(t, http.StatusCreated, code, text)
}

// v2Certificate: CVE-2018-16886 by API 2. Neither the authority's name nor none at all is a user's; the real server takes the
// one for a user's and panics on the other.
func v2Certificate(t *testing.T, tg target) {
	ca := tlstest.NewCA(t, t.TempDir(), "root") // the authority is called like a user
	srv := startSecureWith(t, tg, ca, authFlags...)
	srv.lockUp(t)
	for _, commonName := range []string{"", "stranger", "../root"} {
		c := srv
		c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: ca.Config(ca.Client("client", commonName))}}
		c.is(t, http.StatusOK, "GET /keys/open/a", "")
		c.is(t, http.StatusUnauthorized, "GET /keys/in/a", "")
		c.is(t, http.StatusUnauthorized, "GET /auth/users", "")
	}
}

// startSecureWith runs a server that takes its clients' certificates from one authority, and asks it as a stranger.
func startSecureWith(t *testing.T, tg target, ca *tlstest.CA, flags ...string) v2Caller {
	t.Helper()
	config := ca.Config(ca.Client("asker", "stranger"))
	c, err := process.Start(t.Context(), process.Config{
		Binary: tg.bin, Root: t.TempDir(), ClientTLS: config, Flags: append(tlstest.ClientPortFlags(ca, ca.Server("server"), true), flags...),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return v2Caller{url: c.Member(0).ClientURL, client: &http.Client{Transport: &http.Transport{TLSClientConfig: config}}}
}

// v2Canaries gives passwords to API 2 in every way there is; canaries looks for them.
func v2Canaries(t *testing.T, url string, secret func(what string) string) {
	c := v2Caller{url: url}
	ofRoot, add, change := secret("of v2 root"), secret("of v2 user add"), secret("of v2 passwd")
	root := c.user("root:" + ofRoot)
	admin := c.user("root:" + rootPassword) // of API 3, whose authentication is on
	admin.must(t, "PUT /auth/users/root", fmt.Sprintf(`{"user":"root","password":%q}`, ofRoot))
	admin.must(t, "PUT /auth/enable", "")
	root.must(t, "PUT /auth/users/ann", fmt.Sprintf(`{"user":"ann","password":%q}`, add))
	root.must(t, "PUT /auth/users/ann", fmt.Sprintf(`{"user":"ann","password":%q,"grant":["root"]}`, change))
	c.user("ann:"+change).is(t, http.StatusOK, "GET /keys/", "")
	c.user("ann:"+secret("of a failed v2 request")).is(t, http.StatusUnauthorized, "GET /keys/", "")
	c.user("nobody:"+secret("of v2 nobody")).is(t, http.StatusUnauthorized, "PUT /keys/a", "value=1")
	c.is(t, http.StatusUnauthorized, "PUT /auth/users/ben", fmt.Sprintf(`{"user":"ben","password":%q}`, secret("of a refused v2 user add")))
	root.is(t, http.StatusBadRequest, "PUT /auth/users/ben", fmt.Sprintf(`{"user":"ben","password":%q`, secret("of half a v2 document")))
	root.is(t, http.StatusConflict, "PUT /auth/users/ann", fmt.Sprintf(`{"user":"ann","password":%q,"roles":["root"]}`, secret("of a v2 user that is there")))
	root.must(t, "DELETE /auth/enable", "")
}

package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/recipes/v3lockpb"
	"github.com/petcd/petcd/server/tlstest"
)

// TestCertificateIsNobodyByTheGateway checks that the gateway's calls never
// have a user from a certificate, the client's or the server's own
// (CVE-2018-16886), while a call of the Lock service by gRPC does.
func TestCertificateIsNobodyByTheGateway(t *testing.T) {
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			t.Parallel()
			s := startSecure(t, tg, secureOptions{})
			ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
			defer cancel()
			url := s.cluster.Member(0).ClientURL
			post := func(config *tls.Config, http2 bool, path, body, token string) (int, string) {
				t.Helper()
				transport := &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: http2, DisableKeepAlives: true}
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, strings.NewReader(body))
				require.NoError(t, err)
				if token != "" {
					req.Header.Set("Authorization", token)
				}
				resp, err := (&http.Client{Transport: transport}).Do(req)
				require.NoError(t, err)
				defer resp.Body.Close()
				answer, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				return resp.StatusCode, string(answer)
			}
			root := s.ca.Config(s.ca.Client("root", "root"))
			nameless := s.ca.Config(s.ca.Issue("nameless", tlstest.Request{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}))
			const keyA = `{"key":"YQ=="}`
			for _, config := range []*tls.Config{root, nameless} {
				code, body := post(config, false, "/v3/kv/put", keyA, "")
				require.Equal(t, http.StatusOK, code, body)
			}

			c := dialSecure(t, url, root)
			_, err := c.UserAdd(ctx, "root", "canary")
			require.NoError(t, err)
			_, err = c.UserGrantRole(ctx, "root", "root")
			require.NoError(t, err)
			_, err = c.AuthEnable(ctx)
			require.NoError(t, err)

			for _, http2 := range []bool{false, true} {
				for _, path := range []string{"/v3/kv/put", "/v3beta/kv/put"} {
					code, body := post(root, http2, path, keyA, "")
					require.Equal(t, http.StatusBadRequest, code, body)
					require.Equal(t, "CommonName of client sending a request against gateway will be ignored and not used as expected\n", body)
				}
				for _, path := range []string{"/v3/kv/put", "/v3/lock/unlock"} {
					code, body := post(nameless, http2, path, keyA, "")
					require.NotEqual(t, http.StatusOK, code)
					// The second is etcd's own certificate's, which is no user here.
					require.Regexp(t, "etcdserver: (user name is empty|permission denied)", body)
				}
			}
			login, err := c.Authenticate(ctx, "root", "canary")
			require.NoError(t, err)
			code, body := post(nameless, false, "/v3/kv/put", keyA, login.Token)
			require.Equal(t, http.StatusOK, code, body)

			lock := v3lockpb.NewLockClient(c.ActiveConnection())
			_, err = lock.Lock(ctx, &v3lockpb.LockRequest{Name: []byte("lock")})
			require.NoError(t, err, "root's certificate")
			theirs := dialSecure(t, url, s.ca.Config(s.client))
			_, err = v3lockpb.NewLockClient(theirs.ActiveConnection()).Lock(ctx, &v3lockpb.LockRequest{Name: []byte("other")})
			require.ErrorContains(t, err, "etcdserver: ", "alice is no user")
		})
	}
}

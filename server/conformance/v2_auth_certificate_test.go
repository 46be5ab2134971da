package conformance

import (
	"net/http"
	"testing"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// TestV2AuthCertificates: where clients need certificates, the common name of one is its user, if there is such a user and
// the request has no password.
func TestV2AuthCertificates(t *testing.T) {
	for _, tg := range targets(t) {
		if !tg.has(apiV2) {
			continue
		}
		t.Run(tg.name, func(t *testing.T) {
			t.Parallel()
			s := startSecure(t, tg, secureOptions{flags: func(*secureServer, *process.Member) []string { return append(v2Flags, authFlags...) }})
			with := func(commonName string) v2Caller { return s.v2(s.ca.Client(commonName, commonName)) }
			root, ann, stranger := with("root"), with("ann"), with("stranger")
			stranger.lockUp(t)

			ann.is(t, http.StatusOK, "GET /keys/in/a", "")
			ann.is(t, http.StatusOK, "GET /keys/in/?recursive=true", "")
			ann.is(t, http.StatusOK, "PUT /keys/in/a", "value=2")
			ann.is(t, http.StatusUnauthorized, "GET /keys/out/a", "")
			ann.is(t, http.StatusUnauthorized, "GET /keys/open/a", "") // what guests may, users may not
			ann.is(t, http.StatusUnauthorized, "GET /auth/users", "")
			ann.is(t, http.StatusUnauthorized, "DELETE /members/1", "")

			root.is(t, http.StatusOK, "GET /keys/out/a", "")
			root.is(t, http.StatusOK, "GET /auth/users", "")
			root.is(t, http.StatusNotFound, "DELETE /members/1", "")

			stranger.is(t, http.StatusOK, "GET /keys/open/a", "") // a guest
			stranger.is(t, http.StatusUnauthorized, "GET /keys/in/a", "")
			stranger.is(t, http.StatusUnauthorized, "GET /auth/users", "")

			// A password goes before the certificate, right or wrong.
			root.user("ann:a").is(t, http.StatusUnauthorized, "GET /keys/out/a", "")
			root.user("ann:wrong").is(t, http.StatusUnauthorized, "GET /keys/in/a", "")
			root.user("ann:a").is(t, http.StatusUnauthorized, "GET /auth/users", "")
			stranger.user("root:r").is(t, http.StatusOK, "GET /auth/users", "")

			root.must(t, "DELETE /auth/users/ann", "")
			ann.is(t, http.StatusOK, "GET /keys/open/a", "") // a guest from now on
			ann.is(t, http.StatusUnauthorized, "GET /keys/in/a", "")
		})
	}
}

// v2 asks the first member with a certificate.
func (s *secureServer) v2(pair tlstest.Pair) v2Caller {
	return v2Caller{
		url:    s.cluster.Member(0).ClientURL,
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: s.ca.Config(pair)}},
	}
}

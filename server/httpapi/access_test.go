package httpapi

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// asked is a request to test the access control with.
type asked struct {
	method, path, host, origin string
	header                     http.Header
	commonName                 string // of a client certificate; "-" is TLS without one
}

// answerOf lets a request through an access control.
func answerOf(a *access, q asked) *http.Response {
	a.logger = slog.New(slog.DiscardHandler)
	a.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	if a.certificateUser == nil {
		a.certificateUser = func() bool { return false }
	}
	r := httptest.NewRequest(q.method, "http://member"+q.path, nil)
	if q.host != "" {
		r.Host = q.host
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	if q.origin != "" {
		r.Header.Set("Origin", q.origin)
	}
	if q.commonName != "" {
		r.TLS = &tls.ConnectionState{}
		if q.commonName != "-" {
			r.TLS.VerifiedChains = [][]*x509.Certificate{{}, {{Subject: pkix.Name{CommonName: q.commonName}}}}
		}
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result()
}

func TestHostWhitelist(t *testing.T) {
	for host, want := range map[string]int{
		"good.example": 200, "good.example:2379": 200, "evil.example": 421, "evil.example:2379": 421, "[::1]:2379": 421, "good.example.:1": 421, "good.example:::": 421,
	} {
		resp := answerOf(&access{hosts: newAllowList([]string{"good.example", "other"})}, asked{method: "GET", path: "/health", host: host})
		require.Equal(t, want, resp.StatusCode, host)
		resp = answerOf(&access{hosts: newAllowList([]string{"good.example"})}, asked{method: "GET", path: "/health", host: host, commonName: "-"})
		require.Equal(t, 200, resp.StatusCode, "a host name tells nothing about a client that speaks TLS")
		for _, all := range [][]string{nil, {"*"}, {"x", "*"}} {
			require.Equal(t, 200, answerOf(&access{hosts: newAllowList(all)}, asked{method: "GET", path: "/health", host: host}).StatusCode)
		}
	}
}

func TestOrigins(t *testing.T) {
	const good, evil = "http://good.example:80", "http://evil.example:80"
	websocket := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	for name, tc := range map[string]struct {
		cors   []string
		q      asked
		code   int
		header string // Access-Control-Allow-Origin
	}{
		"any":                      {nil, asked{method: "POST", origin: evil}, 200, "*"},
		"star":                     {[]string{"*"}, asked{method: "POST", origin: evil}, 200, "*"},
		"any preflight":            {nil, asked{method: "OPTIONS", origin: evil}, 200, "*"},
		"allowed":                  {[]string{good}, asked{method: "POST", origin: good}, 200, good},
		"allowed preflight":        {[]string{good}, asked{method: "OPTIONS", origin: good}, 200, good},
		"allowed websocket":        {[]string{good}, asked{method: "GET", origin: good, header: websocket}, 200, good},
		"no browser":               {[]string{good}, asked{method: "POST"}, 200, ""},
		"foreign preflight":        {[]string{good}, asked{method: "OPTIONS", origin: evil}, 200, ""},
		"foreign read":             {[]string{good}, asked{method: "GET", origin: evil}, 200, ""},
		"foreign change":           {[]string{good}, asked{method: "POST", origin: evil}, 403, ""},
		"foreign put":              {[]string{good}, asked{method: "PUT", origin: evil}, 403, ""},
		"foreign websocket":        {[]string{good}, asked{method: "GET", origin: evil, header: websocket}, 403, ""},
		"sandboxed page":           {[]string{good}, asked{method: "POST", origin: "null"}, 403, ""},
		"the member's own page":    {[]string{good}, asked{method: "POST", origin: "http://Member"}, 200, ""},
		"another port of its host": {[]string{good}, asked{method: "POST", origin: "http://member:81"}, 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tc.q.path = "/v3/kv/put"
			resp := answerOf(&access{origins: newAllowList(tc.cors)}, tc.q)
			require.Equal(t, tc.code, resp.StatusCode)
			require.Equal(t, tc.header, resp.Header.Get("Access-Control-Allow-Origin"))
			if tc.header != "" {
				require.Equal(t, "POST, GET, OPTIONS, PUT, DELETE", resp.Header.Get("Access-Control-Allow-Methods"))
				require.Equal(t, "accept, content-type, authorization", resp.Header.Get("Access-Control-Allow-Headers"))
			}
		})
	}
}

func TestCertificateUserIsRefusedByTheGateway(t *testing.T) {
	users := func() bool { return true }
	for name, tc := range map[string]struct {
		users func() bool
		q     asked
		code  int
	}{
		"named":                 {users, asked{method: "POST", path: "/v3/kv/put", commonName: "root"}, 400},
		"named, old path":       {users, asked{method: "POST", path: "/v3beta/kv/put", commonName: "root"}, 400},
		"not the gateway":       {users, asked{method: "GET", path: "/health", commonName: "root"}, 200},
		"nameless":              {users, asked{method: "POST", path: "/v3/kv/put", commonName: "-"}, 200},
		"plain":                 {users, asked{method: "POST", path: "/v3/kv/put"}, 200},
		"no certificates' user": {nil, asked{method: "POST", path: "/v3/kv/put", commonName: "root"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.code, answerOf(&access{certificateUser: tc.users}, tc.q).StatusCode)
		})
	}
}

func TestOldPath(t *testing.T) {
	for path, want := range map[string]string{"/v3beta/kv/put": "/v3/kv/put", "/v3beta": "/v3beta", "/v3/v3beta/": "/v3/v3beta/", "/v3alpha/kv/put": "/v3alpha/kv/put"} {
		body, err := io.ReadAll(answerOf(&access{}, asked{method: "POST", path: path}).Body)
		require.NoError(t, err)
		require.Equal(t, want, string(body))
	}
}

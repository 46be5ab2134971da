package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// corsCases: a server with --cors=http://good.example:80.
func corsCases(s *suite) {
	const methods, headers = "POST, GET, OPTIONS, PUT, DELETE", "accept, content-type, authorization"
	for name, tc := range map[string]struct{ origin, allowed string }{
		"allowed_origin": {"http://good.example:80", "http://good.example:80"},
		"without_port":   {"http://good.example", ""},
		"other_scheme":   {"https://good.example:80", ""},
		"other_origin":   {"http://evil.example:80", ""},
		"no_origin":      {"", ""},
		"star":           {"*", ""},
	} {
		s.run(name, func(t *testing.T, e *env) {
			for _, method := range []string{http.MethodGet, http.MethodOptions} {
				resp := e.send(t, method, "/version", "", "Origin", tc.origin)
				require.Equal(t, http.StatusOK, resp.StatusCode)
				require.Equal(t, tc.allowed, resp.Header.Get("Access-Control-Allow-Origin"))
				if tc.allowed != "" {
					require.Equal(t, methods, resp.Header.Get("Access-Control-Allow-Methods"))
					require.Equal(t, headers, resp.Header.Get("Access-Control-Allow-Headers"))
				}
			}
		})
	}
	s.run("options_of_any_path", func(t *testing.T, e *env) {
		for _, path := range []string{"/v3/kv/put", "/no/such/page", "/"} {
			code, body := e.text(t, http.MethodOptions, path, "", "Origin", "http://good.example:80")
			require.Equal(t, http.StatusOK, code)
			require.Empty(t, body)
		}
	})
}

// whitelistCases: a server with --host-whitelist=127.0.0.1,good.example.
func whitelistCases(s *suite) {
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:1234": 200, "good.example": 200, "good.example:80": 200,
		"evil.example": 421, "evil.example:2379": 421, "localhost": 421, "sub.good.example": 421, "GOOD.example": 421, "[::1]:2379": 421,
	} {
		s.run(strings.NewReplacer(":", "_", "[", "", "]", "").Replace(host), func(t *testing.T, e *env) {
			for method, path := range map[string]string{http.MethodGet: "/health", http.MethodPost: "/v3/cluster/member/list"} {
				code, body := e.text(t, method, path, "", "Host", host)
				require.Equal(t, want, code, body)
				if want == http.StatusMisdirectedRequest {
					name, _, _ := strings.Cut(host, ":")
					if host[0] == '[' {
						name = "::1"
					}
					require.Contains(t, body, "etcd received your request, but the Host header was unrecognized.")
					require.Contains(t, body, `etcd --host-whitelist "`+name+`"`)
				}
			}
		})
	}
	s.run("grpc_is_not_asked", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
	})
}

// gatewayOffCases: a server with --enable-grpc-gateway=false.
func gatewayOffCases(s *suite) {
	s.run("no_gateway", func(t *testing.T, e *env) {
		for _, path := range []string{"/v3/kv/range", "/v3/watch", "/v3/", "/v3beta/kv/range"} {
			code, body := e.text(t, http.MethodPost, path, `{"key":"YQ=="}`)
			require.Equal(t, http.StatusNotFound, code)
			require.Equal(t, "404 page not found\n", body)
		}
	})
	s.run("the_rest_is_there", func(t *testing.T, e *env) {
		e.put(t, "a", "1")
		code, _ := e.text(t, http.MethodGet, "/health", "")
		require.Equal(t, http.StatusOK, code)
	})
}

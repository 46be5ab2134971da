package httpapi

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestV2IsBehindTheAccessControl: a page that may not ask the gateway may not write keys by API 2 either (CVE-2018-1098), nor may
// one reach it under another host's name (CVE-2018-1099).
func TestV2IsBehindTheAccessControl(t *testing.T) {
	var reached []string
	h, err := New(Options{
		Logger: slog.New(slog.DiscardHandler), CORS: []string{"http://good.example"}, HostWhitelist: []string{"member"},
		V2: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached = append(reached, r.Method+" "+r.URL.Path)
			_, _ = io.WriteString(w, "v2")
		}),
	})
	require.NoError(t, err)
	ask := func(method, path, host, origin string) int {
		r := httptest.NewRequest(method, "http://member"+path, nil)
		r.Host = host
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		h.Client().ServeHTTP(w, r)
		return w.Code
	}
	for _, path := range []string{"/v2/keys/a", "/v2/members", "/v2/auth/enable", "//v2/keys/a", "/v2"} {
		for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
			require.Equal(t, http.StatusForbidden, ask(method, path, "member", "http://evil.example"), "%s %s", method, path)
		}
		require.Equal(t, http.StatusMisdirectedRequest, ask(http.MethodGet, path, "evil.example", ""))
		require.Equal(t, http.StatusOK, ask(http.MethodOptions, path, "member", "http://good.example"), "answered before API 2")
	}
	require.Empty(t, reached)
	require.Equal(t, http.StatusOK, ask(http.MethodPut, "/v2/keys/a", "member", "http://good.example"))
	require.Equal(t, http.StatusOK, ask(http.MethodPut, "//v2/keys/b", "member", ""))
	require.Equal(t, []string{"PUT /v2/keys/a", "PUT //v2/keys/b"}, reached)
}

func TestV2CanBeLeftOut(t *testing.T) {
	h, err := New(Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for _, path := range []string{"/v2", "/v2/keys", "/v2/keys/a", "/v2/members"} {
		w := httptest.NewRecorder()
		h.Client().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, http.StatusNotFound, w.Code)
		require.Equal(t, "404 page not found\n", w.Body.String())
	}
}

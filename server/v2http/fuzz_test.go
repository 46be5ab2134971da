package v2http

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/petcd/petcd/server/password"
	"github.com/petcd/petcd/server/v2auth"
)

// leaving is a client that leaves when a watch begins to wait: its headers are flushed then.
type leaving struct {
	*httptest.ResponseRecorder
	leave context.CancelFunc
}

func (l leaving) Flush() {
	l.ResponseRecorder.Flush()
	l.leave()
}

// answer sends one request as it came over the wire.
func answer(h http.Handler, r *http.Request) *http.Response {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := leaving{httptest.NewRecorder(), cancel}
	h.ServeHTTP(w, r.WithContext(ctx))
	return w.Result()
}

// FuzzHandler reads requests from bytes, one after another, and hands those below /v2 to the handler: every one is answered, and
// what claims to be JSON is JSON.
func FuzzHandler(f *testing.F) {
	for _, requests := range []string{
		"GET /v2/keys/?recursive=true&sorted=true HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT /v2/keys/a HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 13\r\n\r\nvalue=b&ttl=5",
		"PUT /v2/keys/a?value=b HTTP/1.1\r\nHost: a\r\n\r\nPUT /v2/keys/a?prevValue=b&value=c HTTP/1.1\r\nHost: a\r\n\r\n" +
			"DELETE /v2/keys/a?prevIndex=1 HTTP/1.1\r\nHost: a\r\n\r\nGET /v2/keys/a?wait=true&waitIndex=1&stream=true HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v2/keys/q?value=%ff HTTP/1.1\r\nHost: a\r\n\r\nGET /v2/keys/q?wait=true&recursive=true HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT /v2/keys/d/_h/e?dir=true&ttl=0 HTTP/1.1\r\nHost: a\r\n\r\nDELETE /v2/keys/d?recursive=true HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT /v2/keys/a?refresh=true&ttl=18446744073709551615&prevExist=true HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /v2/members HTTP/1.1\r\nHost: a\r\n\r\nDELETE /v2/members/1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v2/members HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"peerURLs\":[\"http://a\"]}",
		"GET /v2/stats/self HTTP/1.1\r\nHost: a\r\n\r\nGET /v2/stats/leader HTTP/1.1\r\nHost: a\r\n\r\nGET /v2/machines HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT /v2/auth/users/u HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\n{\"user\":\"u\",\"password\":\"p\"}GET /v2/auth/users/u HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT /v2/auth/roles/r HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"role\":\"r\"}DELETE /v2/auth/enable HTTP/1.1\r\nHost: a\r\n\r\n",
		"HEAD /v2/keys/../%2e%2e//x HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(requests))
	}
	logger := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, wire []byte) {
		member := newAlone(t) // with users who may be switched on
		users := v2auth.New(v2auth.Config{State: member.store, Log: member, Passwords: password.NewChecker(bcrypt.MinCost, logger)})
		h, err := New(Options{Member: member, Auth: users, Users: users, Logger: logger, MaxRequestBytes: 1 << 16})
		require.NoError(t, err)
		in := bufio.NewReader(bytes.NewReader(wire))
		for range 8 {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if !strings.HasPrefix(r.URL.Path, "/v2/") {
				continue
			}
			before := member.store.V2Index()
			checkAnswer(t, r, answer(h, r))
			after := member.store.V2Index()
			// The first document of the users makes their directories, too.
			require.True(t, strings.HasPrefix(r.URL.Path, "/v2/auth") || after == before || after == before+1, "index %d, then %d", before, after)
		}
	})
}

// checkAnswer looks at what every answer must be.
func checkAnswer(t *testing.T, r *http.Request, resp *http.Response) {
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.True(t, resp.StatusCode >= 200 && resp.StatusCode < 600, resp.Status)
	if resp.Header.Get("Content-Type") != "application/json" || r.Method == http.MethodHead {
		return
	}
	for docs := json.NewDecoder(bytes.NewReader(body)); ; {
		var doc map[string]any
		err := docs.Decode(&doc)
		if err == io.EOF {
			break
		}
		require.NoError(t, err, "%s", body)
		if strings.HasPrefix(r.URL.Path, "/v2/keys") {
			require.Equal(t, resp.StatusCode >= 400, doc["errorCode"] != nil, "%d %s", resp.StatusCode, body)
		}
	}
	if index := resp.Header.Get("X-Etcd-Index"); index != "" {
		_, err := strconv.ParseUint(index, 10, 64)
		require.NoError(t, err)
	}
}

// FuzzKeyRequest: whatever a request looks like, it is refused or understood, and nothing outside the clients' namespace is
// touched.
func FuzzKeyRequest(f *testing.F) {
	f.Add("PUT", "/a", "ttl=5", "value=1&prevExist=true")
	f.Add("GET", "/../../2/users", "recursive=true&wait=1", "")
	f.Add("POST", "/%2e%2e/a//b", "prevIndex=18446744073709551615", "refresh=1&ttl=0")
	f.Fuzz(func(t *testing.T, method, path, query, form string) {
		h, err := New(Options{Member: &fake{}, Auth: open{}, Logger: slog.New(slog.DiscardHandler), MaxRequestBytes: 1 << 10})
		require.NoError(t, err)
		r := &http.Request{
			Method: method, URL: &url.URL{Path: keysPath + "/" + path, RawQuery: query}, Body: io.NopCloser(strings.NewReader(form)),
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		}
		k, refused := h.parseKeyRequest(httptest.NewRecorder(), r, time.Unix(100, 0))
		if refused != nil {
			require.NotEmpty(t, refused.Message)
			require.Equal(t, http.StatusBadRequest, refused.status())
			return
		}
		if cleaned(r.URL.Path) == r.URL.Path { // any other is sent elsewhere
			require.True(t, k.req.Path == namespace || strings.HasPrefix(k.req.Path, namespace+"/"), k.req.Path)
		}
		require.False(t, k.req.Wait && method != http.MethodGet)
	})
}

package v2http

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

// fake is a member whose tree has no keys; it remembers what was proposed, and its watches see what the test sends.
type fake struct {
	Member // nil: what a test does not expect panics
	mu     sync.Mutex
	asked  []*v2pb.Request
	event  func() *v2store.Event // of every watch; nil: never one
	open   atomic.Int64          // watches
	opened atomic.Int64          // watches so far
	ended  func() error          // of every watch's Next, if not nil
	read   func() *v2store.Event // of every Get, if not nil
}

func (f *fake) Status() replica.Status {
	return replica.Status{ClusterID: 0xabc, Term: 2, CommitIndex: 9}
}

func (f *fake) ProposeV2(_ context.Context, r *v2pb.Request) (*v2store.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r)
	return nil, &v2store.Error{Code: v2store.CodeKeyNotFound, Cause: r.Path, Index: 5}
}

func (f *fake) Get(path string, _ bool, _ time.Time) (*v2store.Event, error) {
	if f.read != nil {
		return f.read(), nil
	}
	return nil, &v2store.Error{Code: v2store.CodeKeyNotFound, Cause: path, Index: 5}
}

func (f *fake) ReadBarrier(context.Context) error { return nil }

func (f *fake) Watch(string, bool, bool, uint64) (Watcher, error) {
	f.open.Add(1)
	f.opened.Add(1)
	return &fakeWatcher{f}, nil
}

// fakeWatcher hands out the same event again and again.
type fakeWatcher struct{ f *fake }

func (w *fakeWatcher) StartIndex() uint64 { return 5 }
func (w *fakeWatcher) Close()             { w.f.open.Add(-1) }
func (w *fakeWatcher) Next(ctx context.Context) (*v2store.Event, error) {
	if w.f.ended != nil {
		return nil, w.f.ended()
	}
	if w.f.event != nil && ctx.Err() == nil {
		return w.f.event(), nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// never is a guard who lets nobody do anything.
type never struct{}

func (never) Allows(*http.Request, string, bool, bool) bool { return false }
func (never) AllowsRoot(*http.Request) bool                 { return false }

// open is the guard of a test that is not about users.
type open struct{}

// Allows lets everybody read and write everything.
func (open) Allows(*http.Request, string, bool, bool) bool { return true }

// AllowsRoot takes everybody for root.
func (open) AllowsRoot(*http.Request) bool { return true }

// serve runs a handler of a fake.
func serve(t *testing.T, f *fake, guard Guard) (*Handler, *httptest.Server) {
	t.Helper()
	h, err := New(Options{Member: f, Auth: guard, Logger: slog.New(slog.DiscardHandler), MaxRequestBytes: 1 << 20})
	require.NoError(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return h, s
}

// send writes a request to a connection of its own.
func send(t *testing.T, s *httptest.Server, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return conn
}

func TestGuardIsAskedBeforeTheMember(t *testing.T) {
	f := &fake{}
	_, s := serve(t, f, never{})
	for _, r := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/v2/keys/a", 401}, {"GET", "/v2/keys/a?wait=true", 401}, {"HEAD", "/v2/keys/a", 401}, {"PUT", "/v2/keys/a", 401},
		{"POST", "/v2/keys/a", 401}, {"DELETE", "/v2/keys/a", 401}, {"POST", "/v2/members", 401}, {"PUT", "/v2/members/1", 401}, {"DELETE", "/v2/members/1", 401},
		{"PUT", "/v2/keys/a?ttl=x", 400}, // what is wrong with a request everybody may know
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, s.URL+r.path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, r.want, resp.StatusCode, "%s %s", r.method, r.path)
	}
	require.Empty(t, f.asked)
	require.Zero(t, f.open.Load())
}

func TestFormIsReadOnlyAsFarAsARequestCouldNeed(t *testing.T) {
	f := &fake{}
	h, s := serve(t, f, open{})
	resp, err := http.PostForm(s.URL+"/v2/keys/a", url.Values{"value": {strings.Repeat("x", int(h.bodyMax))}})
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Equal(t, `{"errorCode":210,"message":"Invalid POST form","cause":"http: POST too large","index":0}`+"\n", string(body))
	require.Empty(t, f.asked)
}

func TestReaderWhoTakesNothingEndsItsWatch(t *testing.T) {
	value := strings.Repeat("x", 1<<20)
	f := &fake{event: func() *v2store.Event {
		return &v2store.Event{Action: v2store.Set, Node: &v2store.Node{Key: "/1/a", Value: &value, ModifiedIndex: 6, CreatedIndex: 6}}
	}}
	h, s := serve(t, f, open{})
	h.writeMax = 50 * time.Millisecond
	conn := send(t, s, "GET /v2/keys/a?wait=true&stream=true HTTP/1.1\r\nHost: x\r\n\r\n")
	defer conn.Close()
	require.Eventually(t, func() bool { return f.opened.Load() == 1 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return f.open.Load() == 0 }, 10*time.Second, time.Millisecond, "nobody reads, and the watch is open")
}

// TestReaderWhoTakesNothingEndsItsRead has an answer larger than what the kernel takes for a client.
func TestReaderWhoTakesNothingEndsItsRead(t *testing.T) {
	value := strings.Repeat("x", 64<<20)
	h, s := serve(t, &fake{read: func() *v2store.Event {
		return &v2store.Event{Action: v2store.Get, Node: &v2store.Node{Key: "/1/a", Value: &value}}
	}}, open{})
	h.writeMax = 50 * time.Millisecond
	ended := make(chan struct{})
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		h.ServeHTTP(w, r)
	})
	conn := send(t, s, "GET /v2/keys/a HTTP/1.1\r\nHost: x\r\n\r\n")
	defer conn.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		require.Fail(t, "nobody reads, and the answer is kept")
	}
}

// TestWatchOfAClientThatLeftEndsWhateverItsBodyWas: a GET may have a body, and nobody needs it.
func TestWatchOfAClientThatLeftEndsWhateverItsBodyWas(t *testing.T) {
	f := &fake{}
	_, s := serve(t, f, open{})
	conn := send(t, s, "GET /v2/keys/a?wait=true HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
	require.Eventually(t, func() bool { return f.opened.Load() == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return f.open.Load() == 0 }, 10*time.Second, time.Millisecond, "a client that left has a watch")
}

func TestWatchWithABodyThatIsTooLargeIsRefused(t *testing.T) {
	f := &fake{}
	h, s := serve(t, f, open{})
	req, err := http.NewRequest(http.MethodGet, s.URL+"/v2/keys/a?wait=true", strings.NewReader(strings.Repeat("x", int(h.bodyMax)+1)))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.True(t, resp.Close, "what is left of the body is no request")
	require.Zero(t, f.opened.Load())
}

// TestWatchThatTheMemberEndsIsAnEmptyAnswer waits longer than a client may take for what is written to it.
func TestWatchThatTheMemberEndsIsAnEmptyAnswer(t *testing.T) {
	h, s := serve(t, &fake{ended: func() error {
		time.Sleep(150 * time.Millisecond)
		return v2store.ErrWatchEnded
	}}, open{})
	h.writeMax = 50 * time.Millisecond
	for range 2 { // on one connection
		resp, err := http.Get(s.URL + "/v2/keys/a?wait=true")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Empty(t, body)
	}
}

func TestPathsOfTooManyDirectoriesAreRefused(t *testing.T) {
	f := &fake{}
	_, s := serve(t, f, open{})
	deep := s.URL + "/v2/keys" + strings.Repeat("/a", 2000)
	for _, url := range []string{deep, deep + "?wait=true"} {
		resp, err := http.Get(url)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	}
	require.Zero(t, f.opened.Load())
}

func TestWatchesHaveOnlyTheirConnectionsGoroutines(t *testing.T) {
	const watches = 500
	f := &fake{}
	_, s := serve(t, f, open{})
	before := runtime.NumGoroutine()
	var conns []net.Conn
	for range watches {
		conns = append(conns, send(t, s, "GET /v2/keys/a?wait=true HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	require.Eventually(t, func() bool { return f.open.Load() == watches }, 10*time.Second, time.Millisecond)
	// net/http has two for each: one serves, one notices that the client leaves.
	require.LessOrEqual(t, runtime.NumGoroutine()-before, 2*watches+20)
	for _, conn := range conns {
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return f.open.Load() == 0 }, 10*time.Second, time.Millisecond, "a client that left has a watch")
}

package v2http_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/petcd/petcd/raft/transport"
	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/server/password"
	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/server/v2auth"
	"github.com/petcd/petcd/server/v2http"
	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// alone is a member without a log: what is proposed is applied at once to a real store in memory.
type alone struct {
	store   *storage.Store
	cluster *membership.Cluster
	applied uint64
}

// newAlone opens an empty store.
func newAlone(t testing.TB) *alone {
	s, err := storage.Open("alone", storage.Options{FS: vfs.NewMem(), FlushInterval: -1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &alone{store: s, cluster: membership.New(1, 2, 1)}
}

func (a *alone) ProposeV2(_ context.Context, r *v2pb.Request) (*v2store.Event, error) {
	// As the log would carry it.
	r, err := v2pb.FromEntry(v2pb.Entry(nil, r))
	if err != nil {
		return nil, err
	}
	b := a.store.NewBatch()
	event, refusal := apply.V2(b.V2(), r)
	a.applied++
	if err := b.Commit(a.applied, 1); err != nil {
		return nil, err
	}
	return event, refusal
}

func (a *alone) Get(path string, recursive bool, now time.Time) (*v2store.Event, error) {
	return a.store.V2Get(path, recursive, now)
}

func (a *alone) Watch(path string, recursive, stream bool, since uint64) (v2http.Watcher, error) {
	return a.store.V2Watch(path, recursive, stream, since)
}

func (a *alone) Stats() v2store.Stats              { return a.store.V2Stats() }
func (a *alone) ReadBarrier(context.Context) error { return nil }
func (a *alone) Cluster() *membership.Cluster      { return a.cluster }
func (a *alone) Status() replica.Status            { return replica.Status{} }
func (a *alone) LeaderSince() time.Time            { return time.Time{} }
func (a *alone) Traffic() transport.Stats          { return transport.Stats{} }

// errNoLog is what changes of members fail with.
var errNoLog = errors.New("there is no log")

func (a *alone) AddMember(context.Context, []string, bool) (*membership.Member, []*membership.Member, error) {
	return nil, nil, errNoLog
}
func (a *alone) RemoveMember(context.Context, uint64) ([]*membership.Member, error) {
	return nil, errNoLog
}
func (a *alone) UpdateMember(context.Context, uint64, []string) ([]*membership.Member, error) {
	return nil, errNoLog
}

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
	member := newAlone(f)
	logger := slog.New(slog.DiscardHandler)
	// Without a guard, or an input that turns authentication on would end it for all that follow.
	users := v2auth.New(v2auth.Config{State: member.store, Log: member, Passwords: password.NewChecker(bcrypt.MinCost, logger)})
	h, err := v2http.New(v2http.Options{Member: member, Users: users, Logger: logger, MaxRequestBytes: 1 << 16})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, wire []byte) {
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

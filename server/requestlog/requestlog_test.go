package requestlog

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOff(t *testing.T) {
	r, err := Open(Options{})
	require.NoError(t, err)
	require.Nil(t, r)
	require.NoError(t, r.Close())
}

func TestLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "requests")
	for range 2 { // the second appends
		r, err := Open(Options{File: file})
		require.NoError(t, err)
		r.Record(&Request{Method: "/etcdserverpb.KV/Put", User: "alice", Key: Key([]byte("a\x00b\xff")), Took: time.Second, RequestBytes: 12, Code: "OK"})
		require.NoError(t, r.Close())
	}
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	require.Len(t, lines, 2)
	var got map[string]any
	require.NoError(t, json.Unmarshal(lines[1], &got))
	delete(got, "time")
	require.Equal(t, map[string]any{
		"method": "/etcdserverpb.KV/Put", "user": "alice", "key": `a\x00b\xff`, "took_ns": 1e9,
		"request_bytes": 12.0, "response_bytes": 0.0, "code": "OK",
	}, got)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestLongKeysAreCut(t *testing.T) {
	require.Equal(t, strings.Repeat("k", keyMax)+"…", Key(bytes.Repeat([]byte("k"), 1<<20)))
}

// The naive twin sorts everything.
func TestMostExpensive(t *testing.T) {
	r, err := Open(Options{Expensive: true})
	require.NoError(t, err)
	var all []time.Duration
	for range 10_000 {
		took := time.Duration(1 + rand.N(int64(time.Hour)))
		all = append(all, took)
		q := &Request{Took: took, ResponseBytes: int(time.Hour - took)}
		if r.Wants(q.Took, q.ResponseBytes) {
			r.Record(q)
		}
	}
	slices.Sort(all)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/debug/requests/expensive", nil))
	var page map[string][]Request
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	require.Len(t, page["by_time"], topMax)
	require.Len(t, page["by_bytes"], topMax)
	for i := range topMax {
		require.Equal(t, all[len(all)-1-i], page["by_time"][i].Took)
		require.Equal(t, all[i], page["by_bytes"][i].Took)
	}
}

package backup_test

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv2 "go.etcd.io/etcd/client/v2"

	"github.com/petcd/petcd/server/backup"
	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/v2copy"
)

// v2Request sends a request of API 2 and returns the answer.
func v2Request(t *testing.T, m *process.Member, method, path string, form url.Values) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, m.ClientURL+"/v2/keys"+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(b)
}

// hiddenKeys are what writeTree hides; no listing shows them.
var hiddenKeys = []string{"/_hidden", "/d1/_in"}

// writeTree writes a random history of API 2: files, directories, some of which expire, and all kinds of changes of them.
func writeTree(t *testing.T, m *process.Member, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	paths := []string{"/d0", "/d0/a", "/d0/b", "/d1", "/d1/a", "/d1/e", "/d2/x/y/z", "/d2/x", "/f0", "/f1", "/f2"}
	for _, h := range hiddenKeys {
		paths = append(paths, h+"/a", h+"/_b")
	}
	for range 250 {
		path, form, method := paths[rng.IntN(len(paths))], url.Values{}, http.MethodPut
		if rng.IntN(4) == 0 {
			form.Set("ttl", fmt.Sprint([]int{1, 5000, 9000}[rng.IntN(3)]))
		}
		switch rng.IntN(10) {
		case 0:
			method = http.MethodDelete
		case 1:
			method, path = http.MethodDelete, path+"?recursive=true"
		case 2:
			method = http.MethodPost
			form.Set("value", "in order")
		case 3:
			form.Set("dir", "true")
		case 4:
			form.Set("prevExist", fmt.Sprint(rng.IntN(2) == 0))
			form.Set("value", "compared")
		case 5:
			form.Set("refresh", "true")
			form.Set("ttl", "7000")
			form.Set("prevExist", "true")
		default:
			form.Set("value", strings.Repeat("é", rng.IntN(40)))
		}
		_, body := v2Request(t, m, method, path, form)
		require.NotContains(t, body, "page not found")
	}
	v2Request(t, m, http.MethodPut, "/empty", url.Values{"dir": {"true"}})
	for _, h := range hiddenKeys { // whatever the history did to them
		v2Request(t, m, http.MethodDelete, h+"?recursive=true", nil)
		v2Request(t, m, http.MethodPut, h, url.Values{"dir": {"true"}})
		v2Request(t, m, http.MethodPut, h+"/a", url.Values{"value": {"h"}, "ttl": {"6000"}})
	}
	require.Eventually(t, func() bool { // the short ones are gone
		_, all := v2Request(t, m, http.MethodGet, "/?recursive=true", nil)
		for _, found := range expiration.FindAllStringSubmatch(all, -1) {
			at, err := time.Parse(time.RFC3339Nano, found[1])
			require.NoError(t, err)
			if time.Until(at) < time.Minute {
				return false
			}
		}
		return true
	}, startTimeout, 100*time.Millisecond)
}

var (
	ttlNumber  = regexp.MustCompile(`"ttl":\d+`)
	expiration = regexp.MustCompile(`"expiration":"([^"]*)"`)
	// times and indexes are a cluster's own, when keys move over HTTP.
	ownNumbers = regexp.MustCompile(`"(expiration|modifiedIndex|createdIndex)":("[^"]*"|\d+)`)
)

// readTree is all that a client sees of the keys of API 2, their times to live apart.
func readTree(t *testing.T, m *process.Member) (tree string, index string) {
	t.Helper()
	for _, key := range append([]string{"/"}, hiddenKeys...) {
		resp, body := v2Request(t, m, http.MethodGet, key+"?recursive=true&sorted=true&quorum=true", nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", key, body)
		tree += ttlNumber.ReplaceAllString(body, `"ttl":0`) + "\n"
		index = resp.Header.Get("X-Etcd-Index")
	}
	return tree, index
}

// v2Client is API 2's client library.
func v2Client(t *testing.T, m *process.Member) clientv2.KeysAPI {
	t.Helper()
	cl, err := clientv2.New(clientv2.Config{Endpoints: []string{m.ClientURL}})
	require.NoError(t, err)
	return clientv2.NewKeysAPI(cl)
}

// moveTree moves keys from one cluster to another one through a file.
func moveTree(t *testing.T, from, to *process.Member) v2copy.Imported {
	t.Helper()
	tree, err := v2copy.Export(t.Context(), v2Client(t, from), hiddenKeys)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "keys.json")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, tree.Write(f))
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	read, err := v2copy.Read(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	done, err := v2copy.Import(t.Context(), v2Client(t, to), read, false, time.Now)
	require.NoError(t, err)
	return done
}

// TestMigrationOfAPI2 takes keys of API 2 from the real etcd 3.4.23 to petcd as its data directory, where all is the same to
// the index, then over HTTP to another 3.4.23, and over HTTP to another petcd, where all but indexes is; and from the first
// petcd through its archive to a third.
func TestMigrationOfAPI2(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts five servers")
	}
	t.Parallel()
	real, mine := locate(t, process.Etcd34), locate(t, process.Petcd)
	from := reserve(t, real, 1, "--enable-v2", "--snapshot-count=60")
	start(t, from)
	_, err := client(t, from.Member(0), false).Put(t.Context(), "key/3", "of API 3")
	require.NoError(t, err)
	writeTree(t, from.Member(0), 1)
	want, index := readTree(t, from.Member(0))
	require.NoError(t, from.Close())

	there := reserve(t, mine, 1)
	restore(t, from.Member(0).DataDir, there, asItIs)
	start(t, there)
	got, gotIndex := readTree(t, there.Member(0))
	require.Equal(t, want, got)
	require.Equal(t, index, gotIndex)
	kv, err := client(t, there.Member(0), false).Get(t.Context(), "key/3")
	require.NoError(t, err)
	require.EqualValues(t, 1, kv.Count)

	archive := save(t, there.Member(0))
	restored := reserve(t, mine, 1)
	restore(t, archive, restored, asItIs)
	start(t, restored)
	got, gotIndex = readTree(t, restored.Member(0))
	require.Equal(t, want, got)
	require.Equal(t, index, gotIndex)

	left, err := backup.Convert(archive, filepath.Join(t.TempDir(), "for-etcd.db"), nil)
	require.NoError(t, err)
	require.Positive(t, left.Keys, "an etcd would not restore them")
	back := reserve(t, real, 1, "--enable-v2")
	start(t, back)
	again := reserve(t, mine, 1)
	start(t, again)
	want = ownNumbers.ReplaceAllString(want, "")
	for _, hop := range [][2]*process.Member{{there.Member(0), back.Member(0)}, {back.Member(0), again.Member(0)}} {
		require.Positive(t, moveTree(t, hop[0], hop[1]).Files)
		got, _ := readTree(t, hop[1])
		require.Equal(t, want, ownNumbers.ReplaceAllString(got, ""))
		done := moveTree(t, hop[0], hop[1])
		require.Zero(t, done.Files, "all is there already")
	}
	importRefuses(t, there.Member(0), again.Member(0))
}

// importRefuses what would change a key, before it writes anything, unless it is told to.
func importRefuses(t *testing.T, from, to *process.Member) {
	t.Helper()
	v2Request(t, from, http.MethodPut, "/a-new-one", url.Values{"value": {"new"}})
	v2Request(t, from, http.MethodPut, "/f9", url.Values{"value": {"theirs"}})
	v2Request(t, to, http.MethodPut, "/f9", url.Values{"value": {"mine"}})
	tree, err := v2copy.Export(t.Context(), v2Client(t, from), nil)
	require.NoError(t, err)
	_, err = v2copy.Import(t.Context(), v2Client(t, to), tree, false, time.Now)
	require.ErrorIs(t, err, v2copy.ErrExists)
	require.ErrorContains(t, err, "/f9")
	resp, _ := v2Request(t, to, http.MethodGet, "/a-new-one", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	_, err = v2copy.Import(t.Context(), v2Client(t, to), tree, true, time.Now)
	require.NoError(t, err)
	_, body := v2Request(t, to, http.MethodGet, "/f9", nil)
	require.Contains(t, body, "theirs")
}

// TestADirectoryInUseIsNotRestored: its database and its log would be of two moments.
func TestADirectoryInUseIsNotRestored(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server")
	}
	t.Parallel()
	from := reserve(t, locate(t, process.Etcd34), 1)
	start(t, from)
	err := backup.Restore(t.Context(), backup.RestoreConfig{
		Path: from.Member(0).DataDir, Name: "m", DataDir: t.TempDir(), InitialCluster: "m=http://127.0.0.1:1",
		PeerURLs: []string{"http://127.0.0.1:1"}, Logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorIs(t, err, backup.ErrInUse)
	err = backup.CopyDirectory(t.Context(), backup.DirectoryConfig{DataDir: from.Member(0).DataDir, BackupDir: filepath.Join(t.TempDir(), "b")})
	require.ErrorIs(t, err, backup.ErrOfEtcd)
}

// TestRestoreOfACrashedMember has requests in the log that the database lacks: they are applied, as etcd itself does when it
// starts again.
func TestRestoreOfACrashedMember(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts three servers")
	}
	t.Parallel()
	from := reserve(t, locate(t, process.Etcd34), 1)
	start(t, from)
	cli := client(t, from.Member(0), false)
	for i := range 50 {
		_, err := cli.Put(t.Context(), fmt.Sprintf("key/%d", i), "v")
		require.NoError(t, err)
	}
	require.NoError(t, from.Member(0).Kill())
	there := reserve(t, locate(t, process.Petcd), 1)
	restore(t, from.Member(0).DataDir, there, asItIs)
	start(t, from)
	start(t, there)
	sameKeys(t, from.Member(0), there.Member(0))
}

// sameKeys verifies that two members have the same keys of API 3 with the same history.
func sameKeys(t *testing.T, a, b *process.Member) {
	t.Helper()
	want, err := client(t, a, false).HashKV(t.Context(), a.ClientURL, 0)
	require.NoError(t, err)
	got, err := client(t, b, false).HashKV(t.Context(), b.ClientURL, 0)
	require.NoError(t, err)
	require.Equal(t, want.Hash, got.Hash)
	require.Equal(t, want.Header.Revision, got.Header.Revision)
}

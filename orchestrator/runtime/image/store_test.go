package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"
)

// testImage is an image of layers with a file each.
func testImage(t *testing.T, files ...string) v1.Image {
	t.Helper()
	image := empty.Image
	for _, f := range files {
		data := archive(t, tar.Header{Name: f, Typeflag: tar.TypeReg, Mode: 0o644, Linkname: f})
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		require.NoError(t, err)
		image, err = mutate.AppendLayers(image, l)
		require.NoError(t, err)
	}
	image, err := mutate.Config(image, v1.Config{User: "1000", Cmd: files})
	require.NoError(t, err)
	return image
}

// push puts an image into a registry and returns its name.
func push(t *testing.T, server *httptest.Server, tag string, i v1.Image) string {
	t.Helper()
	ref := strings.TrimPrefix(server.URL, "http://") + "/" + tag
	r, err := name.ParseReference(ref)
	require.NoError(t, err)
	require.NoError(t, remote.Write(r, i))
	return ref
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	require.NoError(t, err)
	require.NoError(t, s.Sweep())
	return s
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	return len(entries)
}

func TestPullFindRemove(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	dir := t.TempDir()
	s := open(t, dir)
	one := push(t, server, "app:v1", testImage(t, "shared", "one"))
	two := push(t, server, "app:v2", testImage(t, "shared", "two"))
	ctx := t.Context()
	first, err := s.Pull(ctx, one, Remote{})
	require.NoError(t, err)
	second, err := s.Pull(ctx, two, Remote{})
	require.NoError(t, err)
	require.Equal(t, 3, count(t, filepath.Join(dir, "layers")), "one is shared")
	require.Equal(t, "1000", first.Config.User)

	s = open(t, dir) // the next daemon
	for _, ref := range []string{one, first.ID, strings.TrimPrefix(first.ID, "sha256:"), first.Digests[0]} {
		found, err := s.Get(ref)
		require.NoError(t, err, ref)
		require.Equal(t, first.ID, found.ID)
	}
	byDigest, err := s.Pull(ctx, second.Digests[0], Remote{})
	require.NoError(t, err)
	require.Equal(t, []string{two}, byDigest.Tags, "what it was called it still is")

	// A tag moves on.
	push(t, server, "app:v1", testImage(t, "three"))
	third, err := s.Pull(ctx, one, Remote{})
	require.NoError(t, err)
	found, err := s.Get(one)
	require.NoError(t, err)
	require.Equal(t, third.ID, found.ID)
	found, err = s.Get(first.ID)
	require.NoError(t, err)
	require.Empty(t, found.Tags)

	held := s.Hold(second)
	for _, i := range []Image{first, second, third} {
		require.NoError(t, s.Remove(i.ID))
		require.NoError(t, s.Remove(i.ID), "once is enough")
	}
	for _, d := range held {
		require.DirExists(t, d, "a container runs of it")
	}
	require.NoError(t, s.Release(held))
	require.Zero(t, count(t, filepath.Join(dir, "layers")))
	_, err = s.Get(two)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = s.Get("::")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestAnInterruptedPullLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := registry.New()
	cut := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if cut && strings.Contains(req.URL.Path, "/blobs/") && req.Method == http.MethodGet {
			// The configuration and the first layer come; then the line breaks.
			defer cancel()
		}
		r.ServeHTTP(w, req)
	}))
	defer server.Close()
	ref := push(t, server, "app:v1", testImage(t, "one", "two", "three"))
	cut = true
	dir := t.TempDir()
	s := open(t, dir)
	_, err := s.Pull(ctx, ref, Remote{})
	require.Error(t, err)
	for _, d := range []string{"layers", "images", "tmp"} {
		require.Zero(t, count(t, filepath.Join(dir, d)), d)
	}
	require.Empty(t, s.List())
}

func TestWhatADeadDaemonLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	for _, d := range []string{"tmp/123/abc", "layers/abc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	open(t, dir)
	require.Zero(t, count(t, filepath.Join(dir, "tmp")))
	require.Zero(t, count(t, filepath.Join(dir, "layers")))
}

func TestALayerThatIsNotWhatItSaysIsRefused(t *testing.T) {
	image := testImage(t, "one")
	other := testImage(t, "two")
	config, err := other.ConfigFile()
	require.NoError(t, err)
	s := open(t, t.TempDir())
	_, err = s.add(t.Context(), liar{image, config}, nil, nil)
	require.Error(t, err)
	require.Empty(t, s.List())
}

// liar is an image whose configuration names other layers than it has.
type liar struct {
	v1.Image
	config *v1.ConfigFile
}

func (l liar) ConfigFile() (*v1.ConfigFile, error) { return l.config, nil }

func (l liar) Layers() ([]v1.Layer, error) {
	layers, err := l.Image.Layers()
	if err != nil {
		return nil, err
	}
	return []v1.Layer{lyingLayer{layers[0], l.config.RootFS.DiffIDs[0]}}, nil
}

type lyingLayer struct {
	v1.Layer
	diff v1.Hash
}

func (l lyingLayer) DiffID() (v1.Hash, error) { return l.diff, nil }

func TestWhatARegistryOnlySaysToHarmIsRefused(t *testing.T) {
	var elsewhere atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer trap.Close()
	i := testImage(t, "one")
	raw, err := i.RawManifest()
	require.NoError(t, err)
	for want, change := range map[string]func(*v1.Manifest){
		"another place":    func(m *v1.Manifest) { m.Layers[0].URLs = []string{trap.URL} },
		"bytes is refused": func(m *v1.Manifest) { m.Config.Size = 1 << 40 },
		"of -1 bytes is":   func(m *v1.Manifest) { m.Config.Size = -1 },
	} {
		m, err := v1.ParseManifest(bytes.NewReader(raw))
		require.NoError(t, err)
		change(m)
		manifest, err := json.Marshal(m)
		require.NoError(t, err)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/manifests/") {
				w.Header().Set("Content-Type", string(m.MediaType))
				_, _ = w.Write(manifest)
				return
			}
			config, _ := i.RawConfigFile()
			if strings.HasSuffix(r.URL.Path, m.Config.Digest.String()) {
				_, _ = w.Write(config)
				return
			}
			if r.URL.Path != "/v2/" {
				w.WriteHeader(http.StatusNotFound)
			}
		}))
		defer server.Close()
		dir := t.TempDir()
		_, err = open(t, dir).Pull(t.Context(), strings.TrimPrefix(server.URL, "http://")+"/app:v1", Remote{})
		require.ErrorContains(t, err, want)
		require.Zero(t, count(t, filepath.Join(dir, "tmp")))
	}
	require.Zero(t, elsewhere.Load())
}

// A file that a crash of the machine left half is no reason not to start: the image is pulled again.
func TestAnUnreadableRecordIsAnImageLess(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "images", "x.json"), nil, 0o600))
	require.Empty(t, open(t, dir).List())
	require.Zero(t, count(t, filepath.Join(dir, "images")))
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	_, err := layout.Write(filepath.Join(dir, "layout"), mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: testImage(t, "one"), Descriptor: v1.Descriptor{Annotations: map[string]string{"org.opencontainers.image.ref.name": "petcd.local/one:v1"}},
	}))
	require.NoError(t, err)
	tag, err := name.NewTag("two")
	require.NoError(t, err)
	require.NoError(t, tarball.WriteToFile(filepath.Join(dir, "two.tar"), tag, testImage(t, "two")))
	s := open(t, filepath.Join(dir, "store"))
	for path, ref := range map[string]string{"layout": "petcd.local/one:v1", "two.tar": "docker.io/library/two:latest"} {
		_, err := s.Import(t.Context(), filepath.Join(dir, path))
		require.NoError(t, err)
		i, err := s.Get(ref)
		require.NoError(t, err)
		require.Equal(t, []string{ref}, i.Tags)
	}
	_, err = s.Get("two")
	require.NoError(t, err, "as users write it")
}

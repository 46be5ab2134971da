package critest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"log"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What images may hold, and how it looks in a container.
var contentCases = []testCase{
	{"RightsAndOwners", func(t *testing.T, s *suite) {
		out := s.ofLayers(t, "stat -c '%a %u %g %F %n' /of/*; readlink /of/link; cat /of/hard", layer(t, types.OCILayer,
			tar.Header{Name: "of/", Typeflag: tar.TypeDir, Mode: 0o755},
			tar.Header{Name: "of/file", Mode: 0o640, Uid: 1000, Gid: 2000, Typeflag: tar.TypeReg},
			tar.Header{Name: "of/hard", Mode: 0o640, Uid: 1000, Gid: 2000, Typeflag: tar.TypeLink, Linkname: "of/file"},
			tar.Header{Name: "of/link", Typeflag: tar.TypeSymlink, Linkname: "../of/file", Mode: 0o777},
			tar.Header{Name: "of/pipe", Typeflag: tar.TypeFifo, Mode: 0o600},
			tar.Header{Name: "of/setuid", Mode: 0o4755, Typeflag: tar.TypeReg},
			tar.Header{Name: "of/sticky/", Typeflag: tar.TypeDir, Mode: 0o1777},
		))
		require.Equal(t, "640 1000 2000 regular file /of/file\n640 1000 2000 regular file /of/hard\n777 0 0 symbolic link /of/link\n600 0 0 fifo /of/pipe\n"+
			"4755 0 0 regular file /of/setuid\n1777 0 0 directory /of/sticky\n../of/file\nof/file\n", out)
	}},
	{"ALaterLayerWins", func(t *testing.T, s *suite) {
		out := s.ofLayers(t, "cat /x /link/file; test -d /was-file && echo folder; test -f /was-folder && echo file",
			layer(t, types.OCILayer, tar.Header{Name: "x", Typeflag: tar.TypeSymlink, Linkname: "etc/passwd"},
				tar.Header{Name: "was-file", Typeflag: tar.TypeReg, Mode: 0o644}, tar.Header{Name: "was-folder/in", Typeflag: tar.TypeReg, Mode: 0o644},
				tar.Header{Name: "target/", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "target"}),
			layer(t, types.OCILayer, tar.Header{Name: "x", Typeflag: tar.TypeReg, Mode: 0o644},
				tar.Header{Name: "was-file/", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "was-folder", Typeflag: tar.TypeReg, Mode: 0o644},
				tar.Header{Name: "target/file", Typeflag: tar.TypeReg, Mode: 0o644}))
		require.Equal(t, "x\ntarget/file\nfolder\nfile\n", out)
	}},
	{"ALayerRemoves", func(t *testing.T, s *suite) {
		out := s.ofLayers(t, "ls -A /of /other",
			layer(t, types.OCILayer, tar.Header{Name: "of/gone", Typeflag: tar.TypeReg, Mode: 0o644}, tar.Header{Name: "of/stays", Typeflag: tar.TypeReg, Mode: 0o644},
				tar.Header{Name: "other/gone", Typeflag: tar.TypeReg, Mode: 0o644}, tar.Header{Name: "other/gone-too/x", Typeflag: tar.TypeReg, Mode: 0o644}),
			layer(t, types.OCILayer, tar.Header{Name: "of/.wh.gone", Typeflag: tar.TypeReg}, tar.Header{Name: "other/", Typeflag: tar.TypeDir, Mode: 0o755},
				tar.Header{Name: "other/.wh..wh..opq", Typeflag: tar.TypeReg}, tar.Header{Name: "other/new", Typeflag: tar.TypeReg, Mode: 0o644}))
		require.Equal(t, "/of:\nstays\n\n/other:\nnew\n", out)
	}},
	{"ALayerWithoutCompression", func(t *testing.T, s *suite) {
		out := s.ofLayers(t, "cat /x", layer(t, types.OCIUncompressedLayer, tar.Header{Name: "x", Typeflag: tar.TypeReg, Mode: 0o644}))
		require.Equal(t, "x\n", out)
	}},
	{"ALayerOfDockers", func(t *testing.T, s *suite) {
		out := s.ofLayers(t, "cat /x", layer(t, types.DockerLayer, tar.Header{Name: "./x", Typeflag: tar.TypeReg, Mode: 0o644}))
		require.Equal(t, "x\n", out)
	}},
	{"ALayerStaysInside", func(t *testing.T, s *suite) {
		dir := s.folder(t)
		up := strings.Repeat("../", 20) + dir[1:]
		for kind, headers := range map[string][]tar.Header{
			"by a path":             {{Name: up + "/path", Typeflag: tar.TypeReg, Mode: 0o644}},
			"by an absolute path":   {{Name: dir + "/absolute", Typeflag: tar.TypeReg, Mode: 0o644}},
			"through a link":        {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: dir}, {Name: "out/link", Typeflag: tar.TypeReg, Mode: 0o644}},
			"through a link up":     {{Name: "up", Typeflag: tar.TypeSymlink, Linkname: up}, {Name: "up/relative", Typeflag: tar.TypeReg, Mode: 0o644}},
			"by a hard link":        {{Name: "hard", Typeflag: tar.TypeLink, Linkname: up + "/../secret"}},
			"by what it removes":    {{Name: up + "/.wh.stays", Typeflag: tar.TypeReg}},
			"by emptying a folder":  {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: dir}, {Name: "out/.wh..wh..opq", Typeflag: tar.TypeReg}},
			"by a parent as a name": {{Name: "..", Typeflag: tar.TypeSymlink, Linkname: "/"}, {Name: ".wh...", Typeflag: tar.TypeReg}},
		} {
			touch(t, filepath.Join(dir, "stays"))
			image := s.push(t, "escape", layers(t, s.images.busyboxImage, layer(t, types.OCILayer, headers...)))
			if _, err := s.tryPull(t, image, nil); err == nil { // to refuse it is as good
				s.removeImage(t, image)
			}
			found, err := filepath.Glob(filepath.Join(dir, "*"))
			require.NoError(t, err)
			require.Equal(t, []string{filepath.Join(dir, "stays")}, found, "a layer got out "+kind)
		}
	}},
	{"AMountOnALink", func(t *testing.T, s *suite) {
		image := s.push(t, "links", layers(t, s.images.busyboxImage, layer(t, types.OCILayer,
			tar.Header{Name: "real/", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/real"})))
		s.pull(t, image)
		t.Cleanup(func() { s.removeImage(t, image) })
		dir := s.folder(t)
		touch(t, filepath.Join(dir, "seen"))
		s.pod(t).output(t, "test -e /real/data/seen", mount(dir, "/link/data"), func(c *runtimeapi.ContainerConfig) { c.Image.Image = image })
	}},
	{"AMountOnALinkStaysInside", func(t *testing.T, s *suite) {
		outside, data := s.folder(t), s.folder(t)
		image := s.push(t, "links", layers(t, s.images.busyboxImage, layer(t, types.OCILayer,
			tar.Header{Name: "away", Typeflag: tar.TypeSymlink, Linkname: outside},
			tar.Header{Name: "up", Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("../", 20) + outside[1:]})))
		s.pull(t, image)
		t.Cleanup(func() { s.removeImage(t, image) })
		p := s.pod(t)
		for _, at := range []string{"/away/data", "/up/data", "/away", "/up"} {
			c, err := p.tryCreate(t, p.containerConfig("true", mount(data, at), func(c *runtimeapi.ContainerConfig) { c.Image.Image, c.WorkingDir = image, at }))
			if err == nil {
				err = c.start(t)
			}
			if err == nil { // to refuse it is as good
				c.exited(t)
			}
			found, err := filepath.Glob(filepath.Join(outside, "*"))
			require.NoError(t, err)
			require.Empty(t, found, at)
		}
	}},
	{"OneOfManyPlatforms", func(t *testing.T, s *suite) {
		index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
		for _, architecture := range []string{"s390x", runtime.GOARCH, "ppc64le"} {
			image, err := mutate.Config(s.images.busyboxImage, v1.Config{Env: []string{"PATH=/bin", "ARCHITECTURE=" + architecture}})
			require.NoError(t, err)
			index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
				Platform: &v1.Platform{OS: "linux", Architecture: architecture},
			}})
		}
		ref, err := name.ParseReference(s.specialRegistry(t) + "/many:test")
		require.NoError(t, err)
		require.NoError(t, remote.WriteIndex(ref, index))
		s.pull(t, ref.String())
		out := s.pod(t).output(t, "echo $ARCHITECTURE", func(c *runtimeapi.ContainerConfig) { c.Image.Image = ref.String() })
		require.Equal(t, runtime.GOARCH+"\n", out)
	}},
	{"ABrokenLayerIsRefused", func(t *testing.T, s *suite) {
		broken := layers(t, s.images.busyboxImage, layer(t, types.OCILayer, tar.Header{Name: "x", Typeflag: tar.TypeReg, Mode: 0o644}),
			static.NewLayer([]byte("this is no archive"), types.OCILayer))
		image := s.push(t, "broken", broken)
		_, err := s.tryPull(t, image, nil)
		require.Error(t, err)
		require.Nil(t, s.image(t, image))
	}},
}

// specialRegistry is an empty registry that a case may push to.
func (s *suite) specialRegistry(t testing.TB) string {
	return listen(t, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
}

// push pushes an image and returns its reference.
func (s *suite) push(t testing.TB, image string, content v1.Image) string {
	t.Helper()
	ref, err := name.ParseReference(s.specialRegistry(t) + "/" + image + ":test")
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, content))
	return ref.String()
}

// ofLayers runs a script in a container of busybox's image with layers on top.
func (s *suite) ofLayers(t testing.TB, script string, more ...v1.Layer) string {
	t.Helper()
	image := s.push(t, "layers", layers(t, s.images.busyboxImage, more...))
	s.pull(t, image)
	t.Cleanup(func() { s.removeImage(t, image) })
	return s.pod(t).output(t, script, func(c *runtimeapi.ContainerConfig) { c.Image.Image = image })
}

func layers(t testing.TB, base v1.Image, more ...v1.Layer) v1.Image {
	t.Helper()
	image, err := mutate.AppendLayers(base, more...)
	require.NoError(t, err)
	return image
}

// layer is one of the files of those headers. What a file holds is its name.
func layer(t testing.TB, kind types.MediaType, headers ...tar.Header) v1.Layer {
	t.Helper()
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	for _, h := range headers {
		text := ""
		if h.Typeflag == tar.TypeReg && !strings.HasPrefix(filepath.Base(h.Name), ".wh.") {
			text = strings.TrimPrefix(h.Name, "./") + "\n"
		}
		h.Size = int64(len(text))
		require.NoError(t, archive.WriteHeader(&h))
		_, err := archive.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	if kind == types.OCIUncompressedLayer {
		return static.NewLayer(content.Bytes(), kind)
	}
	return compressed{static.NewLayer(gzipped(t, content.Bytes()), kind), static.NewLayer(content.Bytes(), kind)}
}

// compressed is a layer that knows what it is when it isn't compressed.
type compressed struct {
	v1.Layer
	plain v1.Layer
}

func (c compressed) DiffID() (v1.Hash, error)             { return c.plain.Digest() }
func (c compressed) Uncompressed() (io.ReadCloser, error) { return c.plain.Compressed() }

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

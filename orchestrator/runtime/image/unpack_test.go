package image

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// archive is a tar of headers; a file's content is its link name.
func archive(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
			h.Size = int64(len(content))
		}
		h.Uid, h.Gid = os.Getuid(), os.Getgid()
		require.NoError(t, w.WriteHeader(&h))
		_, err := io.WriteString(w, content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	old := time.Unix(1000, 0)
	require.NoError(t, unpack(bytes.NewReader(archive(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		tar.Header{Name: "a/b/", Typeflag: tar.TypeDir, Mode: 0o1777, ModTime: old},
		tar.Header{Name: "a/b/file", Typeflag: tar.TypeReg, Mode: 0o4755, Linkname: "content", ModTime: old},
		tar.Header{Name: "a/hard", Typeflag: tar.TypeLink, Linkname: "a/b/file"},
		tar.Header{Name: "a/soft", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		tar.Header{Name: "fifo", Typeflag: tar.TypeFifo, Mode: 0o600},
		tar.Header{Name: "a/b/file2", Typeflag: tar.TypeReg, Linkname: "first"},
		tar.Header{Name: "a/b/file2", Typeflag: tar.TypeReg, Linkname: "second"},
	)), dir))
	data, err := os.ReadFile(filepath.Join(dir, "a/hard"))
	require.NoError(t, err)
	require.Equal(t, "content", string(data))
	data, err = os.ReadFile(filepath.Join(dir, "a/b/file2"))
	require.NoError(t, err)
	require.Equal(t, "second", string(data))
	info, err := os.Stat(filepath.Join(dir, "a/b/file"))
	require.NoError(t, err)
	require.Equal(t, os.ModeSetuid|0o755, info.Mode())
	require.True(t, info.ModTime().Equal(old))
	info, err = os.Stat(filepath.Join(dir, "a/b"))
	require.NoError(t, err)
	require.True(t, info.ModTime().Equal(old), "files in it don't change a folder's time")
	require.Equal(t, os.ModeSticky|0o777, info.Mode().Perm()|info.Mode()&os.ModeSticky)
	link, err := os.Readlink(filepath.Join(dir, "a/soft"))
	require.NoError(t, err)
	require.Equal(t, "/etc/passwd", link)
}

func TestWhiteouts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: whiteouts are devices")
	}
	dir := t.TempDir()
	require.NoError(t, unpack(bytes.NewReader(archive(t,
		tar.Header{Name: "a/.wh.gone", Typeflag: tar.TypeReg}, tar.Header{Name: "b/.wh..wh..opq", Typeflag: tar.TypeReg},
	)), dir))
	var stat unix.Stat_t
	require.NoError(t, unix.Lstat(filepath.Join(dir, "a/gone"), &stat))
	require.Equal(t, uint32(unix.S_IFCHR), stat.Mode&unix.S_IFMT)
	require.Zero(t, stat.Rdev)
	value := make([]byte, 8)
	n, err := unix.Getxattr(filepath.Join(dir, "b"), "trusted.overlay.opaque", value)
	require.NoError(t, err)
	require.Equal(t, "y", string(value[:n]))
}

// Each archive tries to get at what is outside of its folder. It may fail or not; nothing outside changes.
func TestNothingLeadsOut(t *testing.T) {
	for name, headers := range escapes("../outside") {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			root, outside := filepath.Join(dir, "root"), filepath.Join(dir, "outside")
			require.NoError(t, os.Mkdir(root, 0o755))
			require.NoError(t, os.Mkdir(outside, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(outside, "stays"), []byte("as it is"), 0o644))
			_ = unpack(bytes.NewReader(archive(t, headers...)), root)
			requireUntouched(t, outside)
		})
	}
}

func escapes(outside string) map[string][]tar.Header {
	return map[string][]tar.Header{
		"path":           {{Name: outside + "/new", Typeflag: tar.TypeReg}},
		"over":           {{Name: outside + "/stays", Typeflag: tar.TypeReg, Linkname: "changed"}},
		"link":           {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "l/new", Typeflag: tar.TypeReg}},
		"link as folder": {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "l", Typeflag: tar.TypeDir, Mode: 0o777}, {Name: "l/new", Typeflag: tar.TypeReg}},
		"hard link":      {{Name: "h", Typeflag: tar.TypeLink, Linkname: outside + "/stays"}, {Name: "h", Typeflag: tar.TypeReg, Linkname: "changed"}},
		"link to a file": {{Name: "f", Typeflag: tar.TypeSymlink, Linkname: outside + "/stays"}, {Name: "f", Typeflag: tar.TypeReg, Linkname: "changed"}},
		"hard soft link": {{Name: "s", Typeflag: tar.TypeSymlink, Linkname: outside + "/stays"}, {Name: "h", Typeflag: tar.TypeLink, Linkname: "s"}, {Name: "h", Typeflag: tar.TypeReg, Linkname: "changed"}},
		"whiteout":       {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "l/.wh.stays", Typeflag: tar.TypeReg}},
		"opaque":         {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "l/.wh..wh..opq", Typeflag: tar.TypeReg}},
		"parent":         {{Name: "x/.wh...", Typeflag: tar.TypeReg}, {Name: "x/.wh.", Typeflag: tar.TypeReg}},
	}
}

func requireUntouched(t testing.TB, outside string) {
	t.Helper()
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	data, err := os.ReadFile(filepath.Join(outside, "stays"))
	require.NoError(t, err)
	require.Equal(t, "as it is", string(data))
}

func TestDevicesAreRefused(t *testing.T) {
	err := unpack(bytes.NewReader(archive(t, tar.Header{Name: "sda", Typeflag: tar.TypeBlock, Devmajor: 8})), t.TempDir())
	require.ErrorContains(t, err, "device")
}

func TestOverlaysOwnAttributesAreDropped(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, unpack(bytes.NewReader(archive(t, tar.Header{
		Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.trusted.overlay.redirect": "/etc"},
	})), dir))
	names := make([]byte, 256)
	n, err := unix.Listxattr(filepath.Join(dir, "d"), names)
	require.NoError(t, err)
	require.NotContains(t, string(names[:n]), "overlay")
}

func FuzzUnpack(f *testing.F) {
	for _, headers := range escapes("../outside") {
		f.Add(archive(f, headers...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Count(string(data), "ustar") > 20 {
			t.Skip("too much work")
		}
		dir := t.TempDir()
		root, outside := filepath.Join(dir, "root"), filepath.Join(dir, "outside")
		require.NoError(t, os.Mkdir(root, 0o755))
		require.NoError(t, os.Mkdir(outside, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(outside, "stays"), []byte("as it is"), 0o644))
		_ = unpack(io.LimitReader(bytes.NewReader(data), 1<<20), root)
		requireUntouched(t, outside)
	})
}

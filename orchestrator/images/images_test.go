package images

import (
	"archive/tar"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

// programs fills a folder with programs of ours. What they do doesn't matter here; that they are programs does.
func programs(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600))
	program := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-o", program, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, n := range names {
		require.NoError(t, os.Link(program, filepath.Join(dir, n)))
	}
	return dir
}

// needs skips a test on a machine without a program of Debian's.
func needs(t testing.TB, program, debian string) {
	t.Helper()
	if _, err := find(program, debian); err != nil {
		t.Skip(err)
	}
}

// files are what is in an image, by path.
func files(t testing.TB, image v1.Image) map[string]*tar.Header {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	found := map[string]*tar.Header{}
	for archive := tar.NewReader(content); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		found["/"+strings.Trim(h.Name, "/")] = h
	}
}

// one builds the image of a name.
func one(t testing.TB, bin, name string) Image {
	t.Helper()
	built, err := Build(Options{Bin: bin, Tag: "t1"}, name)
	require.NoError(t, err)
	require.NotEmpty(t, built)
	return built[0]
}

func TestPause(t *testing.T) {
	image := one(t, programs(t, "pause"), "pause")
	require.Equal(t, "petcd.local/pause:t1", image.Reference())
	dir := t.TempDir()
	require.NoError(t, Write(dir, []Image{image}))
	written, err := Read(dir)
	require.NoError(t, err)
	require.NoError(t, validate.Image(written[0].Image))
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, []string{"/pause"}, config.Config.Entrypoint)
	require.Equal(t, "65535:65535", config.Config.User)
	found := files(t, image)
	require.Equal(t, int64(0o755), found["/pause"].Mode)
	require.Equal(t, int64(0o1777), found["/tmp"].Mode)
	require.Equal(t, byte(tar.TypeDir), found["/etc"].Typeflag, "folders are there before what is in them")
	for path, h := range found {
		require.Zero(t, h.Uid+h.Gid, path)
		require.True(t, h.ModTime.Equal(time.Unix(0, 0)), path)
	}
}

func TestTheStore(t *testing.T) {
	needs(t, "busybox", "busybox-static")
	image := one(t, programs(t, "etcd", "etcdctl", "etcdutl"), "etcd")
	found := files(t, image)
	for _, path := range []string{"/usr/local/bin/etcd", "/usr/local/bin/etcdctl", "/usr/local/bin/etcdutl", "/bin/busybox"} {
		require.Equal(t, byte(tar.TypeReg), found[path].Typeflag, path)
		require.Equal(t, int64(0o755), found[path].Mode, path)
	}
	for _, applet := range []string{"sh", "cat", "ls", "grep", "wget"} {
		require.Equal(t, "busybox", found["/bin/"+applet].Linkname)
	}
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Contains(t, config.Config.Env, "ETCDCTL_API=3")
	require.Contains(t, config.Config.Env, searchPath)
}

// Whatever of the image is linked dynamically has all its libraries there, where the loader looks.
func TestTheProxyHasItsLibraries(t *testing.T) {
	for program, debian := range map[string]string{"nft": "nftables", "xtables-nft-multi": "iptables", "conntrack": "conntrack"} {
		needs(t, program, debian)
	}
	image := one(t, programs(t, "kube-proxy"), "kube-proxy")
	found := files(t, image)
	require.Equal(t, "xtables-nft-multi", found["/usr/sbin/iptables-restore"].Linkname)
	require.Contains(t, found, "/etc/protocols")
	if os.Geteuid() != 0 {
		t.Skip("to run what is in the image needs root, for chroot")
	}
	root := unpack(t, image)
	for _, command := range []string{"/usr/sbin/nft --version", "/usr/sbin/iptables --version", "/usr/sbin/ip6tables-restore --version", "/usr/sbin/conntrack --version"} {
		out, err := exec.Command("chroot", append([]string{root}, strings.Fields(command)...)...).CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
	}
	// A rule with an extension loads that; -C looks for a rule in the kernel, after it has been understood. An empty network is safe.
	rule := "unshare -n chroot " + root + " /usr/sbin/iptables -t nat -C OUTPUT -p tcp -m comment --comment x -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.0.0.1:80"
	out, err := exec.Command("sh", "-c", rule).CombinedOutput()
	require.Error(t, err)
	require.NotContains(t, string(out), "Couldn't load", rule)
	require.NotContains(t, string(out), "unknown option", rule)
}

// unpack writes an image's files below a folder.
func unpack(t testing.TB, image v1.Image) string {
	t.Helper()
	root := t.TempDir()
	content := mutate.Extract(image)
	defer content.Close()
	cmd := exec.Command("tar", "-x", "-C", root)
	cmd.Stdin = content
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return root
}

func TestAllImages(t *testing.T) {
	for program, debian := range map[string]string{
		"busybox": "busybox-static", "nft": "nftables", "xtables-nft-multi": "iptables", "conntrack": "conntrack",
	} {
		needs(t, program, debian)
	}
	ours := []string{"pause", "web", "etcd", "etcdctl", "etcdutl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "cluster-dns"}
	built, err := Build(Options{Bin: programs(t, ours...), Tag: "t1"})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, Write(dir, built))
	written, err := Read(dir)
	require.NoError(t, err)
	var names []string
	for _, image := range written {
		require.NoError(t, validate.Image(image.Image), image.Reference())
		config, err := image.ConfigFile()
		require.NoError(t, err)
		if run := config.Config.Entrypoint; len(run) > 0 {
			require.Contains(t, files(t, image), run[0], "%s: what it runs is in it", image.Name)
		}
		if image.Tag == "t1" {
			names = append(names, image.Name)
		}
	}
	require.Equal(t, Names(), names)
}

func TestTheSameProgramsMakeTheSameBytes(t *testing.T) {
	needs(t, "busybox", "busybox-static")
	bin := programs(t, "web")
	first := one(t, bin, "web")
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(bin, "web"), later, later))
	require.NoError(t, os.Chmod(filepath.Join(bin, "web"), 0o700))
	second := one(t, bin, "web")
	want, err := first.Digest()
	require.NoError(t, err)
	got, err := second.Digest()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestTheWebApplicationHasAVersionToRollTo(t *testing.T) {
	needs(t, "busybox", "busybox-static")
	built, err := Build(Options{Bin: programs(t, "web"), Tag: "t1"}, "web")
	require.NoError(t, err)
	var tags []string
	for _, image := range built {
		config, err := image.ConfigFile()
		require.NoError(t, err)
		require.Contains(t, config.Config.Env, "IMAGE_VERSION="+image.Tag)
		tags = append(tags, image.Tag)
	}
	require.Equal(t, []string{"t1", "v1", "v2"}, tags)
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	_, err := Build(Options{Bin: t.TempDir(), Tag: "t1"}, "pause")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "pause")
	_, err = Build(Options{Bin: t.TempDir(), Tag: "t1"}, "other")
	require.ErrorContains(t, err, `no image "other"`)
	_, err = find("no-such-program", "some-package")
	require.ErrorContains(t, err, "some-package")
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "pause"), []byte(strings.Repeat("no program ", 10)), 0o700))
	_, err = Build(Options{Bin: bin, Tag: "t1"}, "pause")
	var format *elf.FormatError
	require.ErrorAs(t, err, &format)
}

func TestTag(t *testing.T) {
	require.Equal(t, "v1.37.2", Tag("v1.37.2"))
	require.Equal(t, "v0.0.0-master", Tag("v0.0.0-master+$Format:%H$"))
}

// serve writes images and serves them until the test ends. It returns the registry's address.
func serve(t testing.TB, images ...Image) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, Write(dir, images))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- Serve(t.Context(), l, dir) }()
	t.Cleanup(func() { require.NoError(t, <-ended) })
	return l.Addr().String()
}

// randomImage is an image of nothing in particular.
func randomImage(t testing.TB, name, tag string) Image {
	t.Helper()
	image, err := random.Image(1000, 3)
	require.NoError(t, err)
	return Image{Name: name, Tag: tag, Image: image}
}

func TestPull(t *testing.T) {
	one, two := randomImage(t, "one", "t1"), randomImage(t, "two", "t2")
	address := serve(t, one, two)
	want, err := one.Digest()
	require.NoError(t, err)
	for _, reference := range []string{Reference(address, "one", "t1"), address + "/one@" + want.String()} {
		parsed, err := name.ParseReference(reference)
		require.NoError(t, err)
		pulled, err := remote.Image(parsed)
		require.NoError(t, err)
		require.NoError(t, validate.Image(pulled))
		got, err := pulled.Digest()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	registry, err := name.NewRegistry(address)
	require.NoError(t, err)
	names, err := remote.Catalog(t.Context(), registry)
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, names)
	tags, err := remote.List(registry.Repo("two"))
	require.NoError(t, err)
	require.Equal(t, []string{"t2"}, tags)
}

func TestARegistryRefuses(t *testing.T) {
	address := serve(t, randomImage(t, "one", "t1"))
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/v2/", http.StatusOK},
		{http.MethodGet, "/v2/one/manifests/t1", http.StatusOK},
		{http.MethodHead, "/v2/one/manifests/t1", http.StatusOK},
		{http.MethodGet, "/v2/one/manifests/t2", http.StatusNotFound},
		{http.MethodGet, "/v2/two/manifests/t1", http.StatusNotFound},
		{http.MethodGet, "/v2/two/tags/list", http.StatusNotFound},
		{http.MethodGet, "/v2/one/blobs/sha256:" + strings.Repeat("0", 64), http.StatusNotFound},
		{http.MethodGet, "/v2/one/blobs/..%2F..%2Findex.json", http.StatusBadRequest},
		{http.MethodGet, "/v2/one/blobs/sha256:..%2F..%2Findex.json", http.StatusBadRequest},
		{http.MethodPut, "/v2/one/manifests/t1", http.StatusMethodNotAllowed},
		{http.MethodPost, "/v2/one/blobs/uploads/", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/v2/one/manifests/t1", http.StatusMethodNotAllowed},
		{http.MethodGet, "/elsewhere", http.StatusNotFound},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, fmt.Sprintf("http://%s%s", address, c.path), nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		answer.Body.Close()
		require.Equal(t, c.status, answer.StatusCode, "%s %s", c.method, c.path)
	}
}

func TestWriteReplacesALayout(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Write(dir, []Image{randomImage(t, "old", "t1")}))
	blobs := func() int {
		entries, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
		require.NoError(t, err)
		return len(entries)
	}
	before := blobs()
	require.NoError(t, Write(dir, []Image{randomImage(t, "new", "t1")}))
	require.Equal(t, before, blobs(), "the old image's are gone")
	found, err := Read(dir)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "petcd.local/new:t1", found[0].Reference())
}

func TestServeNeedsALayout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.Error(t, Serve(t.Context(), l, t.TempDir()))
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

package critest

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/orchestrator/images"
)

// imageSources are the references of the images that cases pull, from registries of the test.
type imageSources struct {
	address                   string // of the open registry
	pause, busybox, web, odd  string
	busyboxDigest             string // busybox, by its digest
	locked, user, password    string // an image that only that user may have
	busyboxImage, lockedImage v1.Image
}

// serveImages builds the images and serves them until the test ends.
func serveImages(t testing.TB) *imageSources {
	t.Helper()
	dir := subfolder(t, "images")
	bin := filepath.Join(dir, "bin")
	build(t, bin, "pause", "web")
	built, err := images.Build(images.Options{Bin: bin, Tag: "test"}, "pause", "busybox", "web")
	require.NoError(t, err)
	i := &imageSources{user: "someone", password: "secret"}
	for _, image := range built {
		if image.Name == "busybox" {
			i.busyboxImage = image.Image
		}
	}
	odd, err := mutate.Config(i.busyboxImage, v1.Config{
		Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"echo from the image; env; pwd; id -u; id -g; id -G"},
		Env: []string{"PATH=/bin", "FROM_IMAGE=yes", "BOTH=image"}, WorkingDir: "/srv/work", User: "1234:2345", StopSignal: "SIGUSR1",
		Volumes: map[string]struct{}{"/srv/volume": {}},
	})
	require.NoError(t, err)
	built = append(built, images.Image{Name: "odd", Tag: "test", Image: odd})
	i.lockedImage, err = mutate.Config(i.busyboxImage, v1.Config{Cmd: []string{"sh"}, Env: []string{"LOCKED=yes"}})
	require.NoError(t, err)
	built = append(built, images.Image{Name: "locked", Tag: "test", Image: i.lockedImage})
	layout := filepath.Join(dir, "layout")
	require.NoError(t, images.Write(layout, built))

	handler := images.Handler(layout)
	i.address = listen(t, handler)
	guarded := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != i.user || password != i.password {
			w.Header().Set("WWW-Authenticate", `Basic realm="critest"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}`, http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	i.pause = images.Reference(i.address, "pause", "test")
	i.busybox = images.Reference(i.address, "busybox", "test")
	i.web = images.Reference(i.address, "web", "test")
	i.odd = images.Reference(i.address, "odd", "test")
	i.locked = images.Reference(guarded, "locked", "test")
	digest, err := i.busyboxImage.Digest()
	require.NoError(t, err)
	i.busyboxDigest = i.address + "/busybox@" + digest.String()
	return i
}

// listen serves on a port of loopback until the test ends.
func listen(t testing.TB, handler http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return l.Addr().String()
}

// remove removes what is at a path, when the test ends.
func remove(t testing.TB, path string) {
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(path)) })
}

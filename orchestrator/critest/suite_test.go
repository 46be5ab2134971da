package critest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// patience is how long anything may take before a case fails. The machine may have little time for us.
const patience = 60 * time.Second

// suite is what a case has to work with: a runtime that is running, and the images that it may pull.
type suite struct {
	runtime Runtime
	rs      runtimeapi.RuntimeServiceClient
	is      runtimeapi.ImageServiceClient
	images  *imageSources
	dir     string // of the runtime and of its pods
	cgroups string // below which the pods' cgroups are

	conn *grpc.ClientConn
}

// testCase is one promise of CRI.
type testCase struct {
	name string
	run  func(t *testing.T, s *suite)
}

// groups are the cases by what they are about, in the order in which they run.
var groups = []struct {
	name  string
	cases []testCase
}{
	{"Runtime", runtimeCases},
	{"Images", imageCases},
	{"Content", contentCases},
	{"Sandbox", sandboxCases},
	{"Namespaces", namespaceCases},
	{"Network", networkCases},
	{"Lifecycle", lifecycleCases},
	{"Process", processCases},
	{"Security", securityCases},
	{"Resources", resourceCases},
	{"Mounts", mountCases},
	{"Logs", logCases},
	{"ExecSync", execCases},
	{"Streaming", streamingCases},
	{"Stats", statsCases},
	{"Restart", restartCases},
}

func TestContainerd(t *testing.T) {
	sources := serveImages(t)
	dir := subfolder(t, "c")
	runSuite(t, newContainerd(t, dir, containerdRange, sources.pause), sources, dir)
}

func TestEmbedded(t *testing.T) {
	sources := serveImages(t)
	dir := subfolder(t, "e")
	runSuite(t, newEmbedded(t, dir, embeddedRange), sources, dir)
}

// The addresses of the runtimes' pods.
const (
	containerdRange = "10.240.0.0/24"
	embeddedRange   = "10.241.0.0/24"
)

// runSuite starts a runtime, runs all cases, and looks for what is left of them.
func runSuite(t *testing.T, r Runtime, sources *imageSources, dir string) {
	s := newSuite(t, r, sources, dir)
	before := s.state(t)
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, s) })
			}
		})
	}
	t.Run("NothingIsLeft", func(t *testing.T) { s.requireNothingLeft(t, before) })
}

// newSuite starts a runtime, which ends with the test.
func newSuite(t testing.TB, r Runtime, sources *imageSources, dir string) *suite {
	t.Helper()
	s := &suite{runtime: r, images: sources, dir: dir, cgroups: "/" + filepath.Base(os.Getenv(dirVariable))}
	t.Cleanup(func() {
		require.NoError(t, r.Stop())
		if t.Failed() && os.Getenv("CRITEST_KEEP_LOG") != "" {
			t.Log(tail(r, 100))
		}
	})
	s.start(t)
	for _, image := range []string{sources.busybox, sources.web} {
		_, err := s.is.PullImage(s.ctx(t), &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: image}})
		require.NoError(t, err)
	}
	return s
}

// start starts the runtime, again after it was killed, and connects to it.
func (s *suite) start(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, s.runtime.Start(ctx))
	conn, err := dial(s.runtime.Socket())
	require.NoError(t, err)
	if s.conn != nil {
		s.conn.Close()
	}
	s.conn, s.rs, s.is = conn, runtimeapi.NewRuntimeServiceClient(conn), runtimeapi.NewImageServiceClient(conn)
}

func dial(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32<<20)))
}

// answers tells whether a runtime serves on a socket.
func answers(ctx context.Context, socket string) error {
	conn, err := dial(socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = runtimeapi.NewRuntimeServiceClient(conn).Version(ctx, &runtimeapi.VersionRequest{})
	return err
}

// ctx bounds a call; a runtime that hangs fails the case instead of the run.
func (s *suite) ctx(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// differs ends a case for a runtime that genuinely can't, and says why.
func (s *suite) differs(t *testing.T, runtime, why string) {
	t.Helper()
	if s.runtime.Name() == runtime {
		t.Skipf("%s differs: %s", runtime, why)
	}
}

// until waits for a condition; what says what it is.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, patience, 10*time.Millisecond, what)
}

// subfolder makes a folder below the one that goes when the tests have ended.
func subfolder(t testing.TB, name string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: containers do")
	}
	if why := os.Getenv(skipVariable); why != "" {
		t.Skip(why)
	}
	dir := filepath.Join(os.Getenv(dirVariable), name)
	require.NoError(t, os.MkdirAll(dir, 0o711))
	return dir
}

// tail is the end of what a runtime wrote.
func tail(r Runtime, lines int) string {
	text, err := os.ReadFile(r.Log())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// eventually is until, for those who have more to say than that it wasn't so.
func eventually(cond func() bool) bool {
	for deadline := time.Now().Add(soon); ; time.Sleep(20 * time.Millisecond) {
		if cond() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

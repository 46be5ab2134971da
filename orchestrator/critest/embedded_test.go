package critest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// embedded is petcd's own runtime, as it is built from here.
type embedded struct{ daemon }

func (embedded) Shim(command string) bool { return strings.Contains(command, "cri-shim") }

// newEmbedded describes an embedded runtime below dir whose pods have addresses of a range.
func newEmbedded(t testing.TB, dir, podRange string) Runtime {
	t.Helper()
	bin := os.Getenv("PETCD_BIN_DIR") // what is shipped, or else what is built from the sources beside
	if bin == "" {
		bin = filepath.Join(dir, "bin")
		build(t, bin, "cri-runtime", "cri-shim")
	}
	socket := filepath.Join(dir, "cri.sock")
	return &embedded{daemon{
		name: embeddedName, socket: socket, log: filepath.Join(dir, "cri-runtime.log"), path: filepath.Join(bin, "cri-runtime"),
		args: []string{
			"--listen", "unix://" + socket, "--root", filepath.Join(dir, "root"), "--state", filepath.Join(dir, "state"), "--pod-cidr", podRange,
		},
	}}
}

// build builds programs of this module into a folder.
func build(t testing.TB, dir string, programs ...string) {
	t.Helper()
	args := []string{"build", "-o", dir + "/"}
	for _, p := range programs {
		args = append(args, "../cmd/"+p)
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

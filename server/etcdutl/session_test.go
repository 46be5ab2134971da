package etcdutl

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// sessionFile holds commands, each with what etcd's own etcdutl 3.7.3 prints: standard output as it is, what it says is wrong
// after "! ", and the exit code in brackets if it is not 0. PETCD_UPDATE=1 writes it down anew from the real one.
const sessionFile = "testdata/session.txt"

// runner runs one command line in a folder.
type runner func(t *testing.T, dir string, args []string) (stdout, stderr string, code int)

// inProcess runs this package.
func inProcess(t *testing.T, dir string, args []string) (string, string, int) {
	t.Chdir(dir)
	var stdout, stderr bytes.Buffer
	code := Run(Process{Args: args, Stdout: &stdout, Stderr: &stderr})
	return stdout.String(), stderr.String(), code
}

// peer runs the real etcdutl.
func peer(t *testing.T) runner {
	b, err := process.Locate(t.Context(), process.Etcd373, t.TempDir())
	if errors.Is(err, process.ErrNoBinary) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return func(t *testing.T, dir string, args []string) (string, string, int) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(b.Etcd), "etcdutl"), args...)
		var stdout, stderr bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			require.NoError(t, err)
		}
		return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
	}
}

// fixtures is a folder with fresh copies of the snapshots: the real hashkv writes into its file.
func fixtures(t *testing.T) string {
	dir := t.TempDir()
	found, err := filepath.Glob("testdata/*.db")
	require.NoError(t, err)
	for _, path := range found {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), b, 0o600))
	}
	return dir
}

// replay runs the commands of a session and returns it with what they print now.
func replay(t *testing.T, session string, run runner) string {
	return replayIn(t, session, func() string { return fixtures(t) }, run)
}

// replayIn is replay with each command in the folder that folder names.
func replayIn(t *testing.T, session string, folder func() string, run runner) string {
	var out strings.Builder
	for line := range strings.Lines(session) {
		command, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "$ etcdutl")
		if !ok {
			if strings.HasPrefix(line, "#") {
				out.WriteString(line)
			}
			continue
		}
		out.WriteString(line)
		dir := folder()
		t.Run(strings.TrimSpace(command), func(t *testing.T) {
			stdout, stderr, code := run(t, dir, strings.Fields(command))
			out.WriteString(stdout)
			// Logs and help are each program's own; cobra says some errors twice.
			if _, wrong, ok := strings.Cut("\n"+stderr, "\nError: "); ok {
				first, _, _ := strings.Cut(wrong, "\n")
				fmt.Fprintf(&out, "! Error: %s\n", first)
			}
			if code != 0 {
				fmt.Fprintf(&out, "[exit %d]\n", code)
			}
		})
	}
	return out.String()
}

func TestSession(t *testing.T) {
	want, err := os.ReadFile(sessionFile)
	require.NoError(t, err)
	require.Equal(t, string(want), replay(t, string(want), inProcess))
}

func TestSessionOfPeer(t *testing.T) {
	want, err := os.ReadFile(sessionFile)
	require.NoError(t, err)
	got := replay(t, string(want), peer(t))
	if os.Getenv("PETCD_UPDATE") != "" {
		require.NoError(t, os.WriteFile(sessionFile, []byte(got), 0o600))
		return
	}
	require.Equal(t, string(want), got)
}

package unit

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	a := &Unit{Name: "a", Description: "A thing", After: []string{"b", "c"}, Exec: []string{"/bin/a", "--x=1 2", "", `"q" \ 100%`, "$HOME", "--flag=;"}}
	b := &Unit{Name: "b", Description: "Another", Exec: []string{"/bin/b"}}
	require.NoError(t, a.Write(dir))
	require.NoError(t, b.Write(dir))
	got, err := Read(dir, "a", "b")
	require.NoError(t, err)
	require.Equal(t, []*Unit{b, a}, got, "b first: a comes after it")
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[Service]\nType=notify\nExecStart=/bin/a\n": `"Type" is more than the supervisor knows: use systemd`,
		"[Service]\n":                       "no ExecStart",
		"[Service]\nExecStart=/bin/a \"b\n": "ExecStart has a quote that doesn't end",
	} {
		_, err := parse("a", []byte(text))
		require.EqualError(t, err, want)
	}
	_, err := ordered([]*Unit{{Name: "a", After: []string{"b"}}, {Name: "b", After: []string{"a"}}})
	require.ErrorContains(t, err, "after each other")
}

func TestSupervise(t *testing.T) {
	dir := t.TempDir()
	s := &Supervisor{RunDir: filepath.Join(dir, "run"), LogDir: filepath.Join(dir, "log")}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	u := &Unit{Name: "sleeper", Exec: []string{"/bin/sh", "-c", "echo started; exec sleep 1000"}}
	go func() { ended <- s.Run(ctx, []*Unit{u}) }()
	starts := func() int {
		log, err := os.ReadFile(filepath.Join(s.LogDir, "sleeper.log"))
		if err != nil {
			return 0 // not there yet
		}
		return strings.Count(string(log), "started")
	}
	require.Eventually(t, func() bool { return s.Pid("sleeper") != 0 && starts() == 1 }, 10*time.Second, 5*time.Millisecond)
	first := s.Pid("sleeper")
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	require.Eventually(t, func() bool { p := s.Pid("sleeper"); return p != 0 && p != first && starts() == 2 }, 10*time.Second, 5*time.Millisecond, "started again")
	second := s.Pid("sleeper")
	stop()
	require.NoError(t, <-ended)
	require.False(t, alive(second))
	require.NoFileExists(t, s.PidFile("sleeper"))
	require.Equal(t, 2, starts())
}

func TestDetach(t *testing.T) {
	dir := t.TempDir()
	s := &Supervisor{RunDir: filepath.Join(dir, "run"), LogDir: filepath.Join(dir, "log")}
	require.NoError(t, s.Detach("/bin/sleep", "1000"))
	pid := s.Pid(supervisorName)
	require.NotZero(t, pid)
	go func() {
		if p, err := os.FindProcess(pid); err == nil {
			_, _ = p.Wait() // it is this test's child, and nobody else buries it
		}
	}()
	require.NoError(t, s.Stop())
	require.False(t, alive(pid))
	require.NoError(t, s.Stop(), "once more does no harm")
}

package measure

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadProcess(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "77")
	require.NoError(t, os.Mkdir(dir, 0o755))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("stat", "77 (et) cd (1)) S 1 77 77 0 -1 4194560 9 0 0 0 250 31 7 8 20 0 9 0 100 1 2 3\n")
	write("status", "Name:\tetcd\nVmPeak:\t  999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n")
	write("io", "rchar: 1\nwchar: 2\nread_bytes: 3\nwrite_bytes: 4096\n")

	got, err := readProcess(root, 77)
	require.NoError(t, err)
	require.Equal(t, Process{CPU: 2810 * time.Millisecond, RSS: 1 << 20, RSSPeak: 2 << 20, Written: 4096}, got)

	_, err = readProcess(root, 78)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestReadProcessRefusesOtherFormats(t *testing.T) {
	for name, stat := range map[string]string{
		"no name":    "77 etcd S 1",
		"too short":  "77 (etcd) S 1 77",
		"no numbers": "77 (etcd) S 1 77 77 0 -1 4194560 9 0 0 0 x y 7 8",
	} {
		_, err := parseCPU([]byte(stat))
		require.ErrorIs(t, err, ErrProcFormat, name)
	}
	for name, status := range map[string]string{
		"absent":  "VmHWM:\t 5 kB\n",
		"no unit": "VmRSS:\t 5\n",
		"no int":  "VmRSS:\t five kB\n",
	} {
		_, err := parseStatusBytes([]byte(status), "VmRSS")
		require.ErrorIs(t, err, ErrProcFormat, name)
	}
}

// TestReadOwnProcess burns CPU until the kernel's counter shows it.
func TestReadOwnProcess(t *testing.T) {
	first, err := ReadProcess(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, first.RSS)
	require.GreaterOrEqual(t, first.RSSPeak, first.RSS)
	require.Eventually(t, func() bool {
		for i, n := 0, 0; i < 20_000_000; i++ {
			n += i
		}
		now, err := ReadProcess(os.Getpid())
		return err == nil && now.CPU > first.CPU
	}, 20*time.Second, time.Millisecond)
}

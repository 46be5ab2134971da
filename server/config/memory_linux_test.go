package config

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestControlGroupsLimitMemory(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("a/memory.max", "3000\n")
	write("a/b/memory.max", "max\n")
	write("a/b/c/memory.max", "5000\n")
	write("memory/x/memory.limit_in_bytes", "700\n")
	for groups, want := range map[string]int64{
		"0::/a/b/c\n":                     3000,
		"0::/a/b\n":                       3000,
		"0::/\n":                          math.MaxInt64,
		"0::/../../a\n":                   3000,
		"4:memory:/x\n3:cpu,cpuacct:/a\n": 700,
		"nonsense\n":                      math.MaxInt64,
		"":                                math.MaxInt64,
	} {
		require.Equal(t, want, groupMemory(root, groups), groups)
	}
	memory, ok := machineMemory()
	require.True(t, ok)
	require.Positive(t, memory)
}

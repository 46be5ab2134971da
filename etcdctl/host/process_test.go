package host

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLastVariableWins(t *testing.T) {
	p := Process{Environ: []string{"A=1", "AB=2", "A=3", "C", "D="}}
	require.Equal(t, "3", p.Getenv("A"))
	require.Empty(t, p.Getenv("C"))
	_, ok := p.LookupEnv("C")
	require.False(t, ok)
	_, ok = p.LookupEnv("D")
	require.True(t, ok, "set, and empty")
}

func TestNobodyIsAskedWithoutATerminal(t *testing.T) {
	var asked strings.Builder
	p := Process{Stdin: strings.NewReader("secret\n"), Stderr: &asked}
	_, ok, err := p.ReadPassword("Password: ")
	require.NoError(t, err)
	require.False(t, ok)
	require.Empty(t, asked.String())
}

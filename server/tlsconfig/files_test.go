package tlsconfig

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/tlstest"
)

// FuzzFiles feeds the parsers: whatever a file holds, they answer.
func FuzzFiles(f *testing.F) {
	ca := tlstest.NewCA(f, f.TempDir(), "ca")
	list, err := os.ReadFile(ca.Revoke("list", ca.Client("a", "a")))
	require.NoError(f, err)
	bundle, err := os.ReadFile(ca.CertFile)
	require.NoError(f, err)
	f.Add(list)
	f.Add(bundle)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pool, err := parsePool([][]byte{data})
		require.True(t, err != nil || pool != nil)
		_, _ = parseRevocations([][]byte{data})
		_, _ = parsePair([][]byte{data, data})
	})
}

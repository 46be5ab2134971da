package target

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "3.7.3", "etcd")
	require.NoError(t, os.Mkdir(filepath.Dir(bin), 0o755))
	require.NoError(t, os.WriteFile(bin, nil, 0o755))
	t.Setenv("PETCD_PEERS", dir)
	t.Setenv("PETCD_BIN", bin)

	for text, want := range map[string]Spec{
		"petcd":                 {Name: "petcd", Binary: bin},
		"3.7.3":                 {Name: "3.7.3", Binary: bin},
		"mine=" + bin:           {Name: "mine", Binary: bin},
		"http://a:1,http://b:2": {Name: "http://a:1,http://b:2", Endpoints: []string{"http://a:1", "http://b:2"}},
	} {
		got, err := Parse(t.Context(), text, dir)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"9.9.9", "=" + bin, "x=" + bin + "absent", ""} {
		_, err := Parse(t.Context(), text, dir)
		require.ErrorIs(t, err, ErrSpec, text)
	}
}

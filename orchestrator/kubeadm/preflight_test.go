package kubeadm

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPreflight(t *testing.T) {
	good := check{"Good", func() error { return nil }}
	bad := check{"Bad-One", func() error { return errors.New("missing: install it") }}
	var warned []string
	warn := func(w string) { warned = append(warned, w) }
	require.NoError(t, preflight([]check{good}, nil, warn))
	require.EqualError(t, preflight([]check{good, bad, bad}, nil, warn), "[preflight] Some fatal errors occurred:\n"+
		"\t[ERROR Bad-One]: missing: install it\n\t[ERROR Bad-One]: missing: install it\n"+
		"[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`")
	require.Empty(t, warned)
	require.NoError(t, preflight([]check{bad}, []string{"bad-one"}, warn))
	require.NoError(t, preflight([]check{bad}, []string{"all"}, warn))
	require.Len(t, warned, 2)
}

// found is what a machine lacks, by the names of checks.
func found(checks []check) map[string]string {
	all := map[string]string{}
	for _, c := range checks {
		if err := c.ok(); err != nil {
			all[c.name] = err.Error()
		}
	}
	return all
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	s := newTestSettings(t)
	s.Bin, s.Images = t.TempDir(), filepath.Join(t.TempDir(), "none")
	l, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer l.Close()
	s.Port = int32(l.Addr().(*net.TCPAddr).Port)
	require.NoError(t, os.MkdirAll(s.In(manifestsDir), 0o755))
	require.NoError(t, os.WriteFile(s.In(manifestsDir, "etcd.yaml"), nil, 0o600))
	require.NoError(t, os.MkdirAll(s.In(etcdDir, "member"), 0o755))
	all := found(s.checks())
	require.Contains(t, all["File-kubelet"], "run `make control-plane`")
	require.Contains(t, all["File-cri-runtime"], "run `make control-plane`")
	require.Contains(t, all["ImageLayout"], "run `make images`")
	require.Contains(t, all, "Port-"+l.Addr().String()[len("[::]:"):])
	require.Contains(t, all["DirAvailable-"+dashes(s.In(etcdDir))], "kubeadm reset")
	require.Contains(t, all["FileAvailable-"+dashes(s.In(manifestsDir, "etcd.yaml"))], "already exists")
	require.NotContains(t, all, "CRISocketPath")
	s.CRISocket = "unix:///" + string(make([]byte, 120))
	require.Contains(t, found(s.checks())["CRISocketPath"], "shorter --root")
}

package kubelet

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAKubeconfigThatIsMissing(t *testing.T) {
	o := NewOptions()
	o.Kubeconfig = filepath.Join(t.TempDir(), "not there")
	k := &kubelet{o: o, c: o.Config}
	require.Error(t, k.authenticate(t.Context()))
}

func TestAServingCertificateIsMadeOnce(t *testing.T) {
	o := NewOptions()
	o.CertDir = t.TempDir()
	k := &kubelet{o: o, c: o.Config, name: "here"}
	first, err := k.tls()
	require.NoError(t, err)
	second, err := k.tls()
	require.NoError(t, err)
	require.Equal(t, first.Certificates[0].Certificate, second.Certificates[0].Certificate)
	k.name = "elsewhere"
	other, err := k.tls()
	require.NoError(t, err)
	require.NotEqual(t, first.Certificates[0].Certificate, other.Certificates[0].Certificate, "it isn't valid for the node's new name")
}

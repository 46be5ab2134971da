package pki

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newOptions(t *testing.T) Options {
	return Options{
		Dir: t.TempDir(), NodeName: "master", Advertised: net.IPv4(10, 1, 2, 3), ServiceIP: net.IPv4(10, 96, 0, 1), DNSDomain: "cluster.local",
		ExtraSANs: []string{"127.0.0.1", "example.com"}, Life: DefaultLife, AuthorityLife: DefaultAuthorityLife,
	}
}

// What the files are called and who is in them is what upstream's tools look for.
func TestMake(t *testing.T) {
	o := newOptions(t)
	require.NoError(t, Make(o))
	for name, want := range map[string]struct {
		authority, subject string
		names              []string
	}{
		"apiserver":                {"ca", "CN=kube-apiserver", []string{"master", "kubernetes.default.svc.cluster.local", "10.96.0.1", "10.1.2.3", "127.0.0.1", "example.com"}},
		"apiserver-kubelet-client": {"ca", "CN=kube-apiserver-kubelet-client,O=kubeadm:cluster-admins", nil},
		"front-proxy-client":       {"front-proxy-ca", "CN=front-proxy-client", nil},
		"etcd/server":              {"etcd/ca", "CN=master", []string{"master", "localhost", "127.0.0.1", "10.1.2.3"}},
		"etcd/peer":                {"etcd/ca", "CN=master", []string{"10.1.2.3"}},
		"etcd/healthcheck-client":  {"etcd/ca", "CN=kube-etcd-healthcheck-client", nil},
		"apiserver-etcd-client":    {"etcd/ca", "CN=kube-apiserver-etcd-client", nil},
	} {
		p, err := Read(o.Dir, name)
		require.NoError(t, err)
		require.NotNil(t, p, name)
		require.Equal(t, want.subject, p.Cert.Subject.String())
		ca, err := Read(o.Dir, want.authority)
		require.NoError(t, err)
		roots := x509.NewCertPool()
		roots.AddCert(ca.Cert)
		_, err = p.Cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		require.NoError(t, err)
		for _, host := range want.names {
			require.NoError(t, p.Cert.VerifyHostname(host), name)
		}
		key, err := os.Stat(filepath.Join(o.Dir, name+".key"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), key.Mode())
	}
	require.FileExists(t, filepath.Join(o.Dir, "sa.key"))
	require.FileExists(t, filepath.Join(o.Dir, "sa.pub"))
}

func TestWhatIsThereStays(t *testing.T) {
	o := newOptions(t)
	require.NoError(t, Make(o))
	before, err := os.ReadFile(filepath.Join(o.Dir, "ca.crt"))
	require.NoError(t, err)
	gone := filepath.Join(o.Dir, "apiserver.crt")
	require.NoError(t, os.Remove(gone))
	require.NoError(t, Make(o))
	require.FileExists(t, gone)
	after, err := os.ReadFile(filepath.Join(o.Dir, "ca.crt"))
	require.NoError(t, err)
	require.Equal(t, before, after)

	require.NoError(t, os.Remove(filepath.Join(o.Dir, "ca.key")))
	require.NoError(t, Make(o), "nothing to sign")
	require.NoError(t, os.Remove(gone))
	require.EqualError(t, Make(o), "pki: apiserver.crt is missing, and cannot be made without ca.key")
}

func TestAStrangersCertificate(t *testing.T) {
	o, other := newOptions(t), newOptions(t)
	require.NoError(t, Make(o))
	require.NoError(t, Make(other))
	require.NoError(t, os.Rename(filepath.Join(other.Dir, "apiserver.crt"), filepath.Join(o.Dir, "apiserver.crt")))
	require.ErrorContains(t, Make(o), "apiserver.crt is not signed by ca.crt")
	require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "apiserver.crt"), []byte("x"), 0o600))
	require.ErrorContains(t, Make(o), "apiserver.crt")
}

func TestACertificateDoesNotOutliveItsAuthority(t *testing.T) {
	ca, err := New(Subject{Name: "ca", IsCA: true, Life: time.Hour}, nil)
	require.NoError(t, err)
	p, err := New(Subject{Name: "x", Life: time.Hour * 2}, ca)
	require.NoError(t, err)
	require.Equal(t, ca.Cert.NotAfter, p.Cert.NotAfter)
}

func TestHashes(t *testing.T) {
	ca, err := New(Subject{Name: "ca", IsCA: true, Life: time.Hour}, nil)
	require.NoError(t, err)
	other, err := New(Subject{Name: "ca", IsCA: true, Life: time.Hour}, nil)
	require.NoError(t, err)
	certs := []*x509.Certificate{ca.Cert}
	require.NoError(t, CheckHashes(certs, []string{Hash(other.Cert), Hash(ca.Cert)}))
	require.ErrorContains(t, CheckHashes(certs, []string{Hash(other.Cert)}), "none of the public keys")
	require.ErrorContains(t, CheckHashes(certs, nil), "none of the public keys")
	require.ErrorContains(t, CheckHashes(certs, []string{"abc"}), "no hash")
}

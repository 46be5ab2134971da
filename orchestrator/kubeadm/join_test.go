package kubeadm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/cluster-bootstrap/token/jws"

	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
)

const goodToken = "abcdef.0123456789abcdef"

// publicCluster is an apiserver that shows everybody cluster-info, signed with a token. It names authority as its own.
func publicCluster(t *testing.T, token string, authority *pki.Pair) (server *httptest.Server, pin string) {
	own, err := pki.New(pki.Subject{Name: "ca", IsCA: true, Life: time.Hour}, nil)
	require.NoError(t, err)
	if authority == nil {
		authority = own
	}
	leaf, err := pki.New(pki.Subject{Name: "x", Life: time.Hour, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, own)
	require.NoError(t, err)
	var info []byte
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/kube-public/configmaps/cluster-info" || r.Header.Get("Authorization") != "" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		signature, err := jws.ComputeDetachedSignature(string(info), token[:6], token[7:])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		m := configMap("kube-public", "cluster-info", map[string]string{"kubeconfig": string(info), "jws-kubeconfig-" + token[:6]: signature})
		m.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(m)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Cert.Raw}, PrivateKey: leaf.Key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	info, err = clientcmd.Write(*kubeconfig("", server.URL, authority.CertPEM(), ""))
	require.NoError(t, err)
	return server, pki.Hash(authority.Cert)
}

func TestDiscovery(t *testing.T) {
	stranger, err := pki.New(pki.Subject{Name: "ca", IsCA: true, Life: time.Hour}, nil)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		token     string
		authority *pki.Pair
		change    func(*JoinSettings)
		want      string
	}{
		"the right one":          {token: goodToken},
		"whoever":                {token: goodToken, change: func(s *JoinSettings) { s.CACertPins, s.TrustAnyone = nil, true }},
		"pinned to another":      {token: goodToken, change: func(s *JoinSettings) { s.CACertPins = []string{pki.Hash(stranger.Cert)} }, want: "none of the public keys"},
		"signed by another half": {token: "abcdef.ffffffffffffffff", want: "the signature of cluster-info is not that of token abcdef"},
		"the token is unknown":   {token: "zzzzzz.0123456789abcdef", want: "cluster-info has no signature of token abcdef"},
		"a man in the middle":    {token: goodToken, authority: stranger, want: "certificate signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			server, pin := publicCluster(t, tc.token, tc.authority)
			s := &JoinSettings{Settings: NewSettings(), Endpoint: server.Listener.Addr().String()}
			s.Token, s.CACertPins = goodToken, []string{pin}
			if tc.change != nil {
				tc.change(s)
			}
			require.NoError(t, s.check())
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			info, err := s.discover(ctx)
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, server.URL, info.Server)
		})
	}
}

func TestWhatJoinNeeds(t *testing.T) {
	s := &JoinSettings{Settings: NewSettings()}
	err := s.check()
	require.ErrorContains(t, err, "address of an API server")
	require.ErrorContains(t, err, "--token")
	require.ErrorContains(t, err, "--discovery-token-ca-cert-hash")
}

func TestPrepare(t *testing.T) {
	s := newTestSettings(t)
	k, err := s.kubeletConfiguration()
	require.NoError(t, err)
	ca, err := pki.New(pki.Subject{Name: "ca", IsCA: true, Life: time.Hour}, nil)
	require.NoError(t, err)
	info := kubeconfig("", "https://10.1.2.3:6443", ca.CertPEM(), "").Clusters[""]
	require.NoError(t, s.node().prepare(info, goodToken, k))
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig("bootstrap-kubelet.conf"))
	require.NoError(t, err)
	require.Equal(t, goodToken, config.BearerToken)
	require.Equal(t, "https://10.1.2.3:6443", config.Host)
	require.Equal(t, string(ca.CertPEM()), read(t, s.In(pkiDir, "ca.crt")))
	require.FileExists(t, s.In(unitsDir, "kubelet.service"))
	require.DirExists(t, s.In(manifestsDir))
}

package conformance

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// TestPeerTLS checks who may speak to a member as a member.
func TestPeerTLS(t *testing.T) {
	t.Parallel()
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, target){
				"certificates": peerCertificates,
				"addresses":    peerAddresses,
				"hostnames":    peerHostnames,
				"kubeadm_1":    func(t *testing.T, tg target) { kubeadm(t, tg, 1) },
				"kubeadm_3":    func(t *testing.T, tg target) { kubeadm(t, tg, 3) },
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, tg)
				})
			}
		})
	}
}

// askPeer asks the first member's peer port for its version.
func (s *secureServer) askPeer(t *testing.T, p ...tlstest.Pair) error {
	t.Helper()
	code, _, err := page(t, s.cluster.Member(0).PeerURL+"/version", s.ca.Config(p...), false)
	if err == nil {
		require.Equal(t, http.StatusOK, code)
	}
	return err
}

// peerCertificates: a member shows a certificate of the CA, with an allowed
// common name, and not on the list.
func peerCertificates(t *testing.T, tg target) {
	var revoked tlstest.Pair
	s := startSecure(t, tg, secureOptions{members: 3, peerTLS: true, flags: func(s *secureServer, _ *process.Member) []string {
		revoked = s.ca.Client("revoked", "server")
		return []string{"--peer-cert-allowed-cn=server", "--peer-crl-file=" + s.ca.Revoke("list", revoked)}
	}})
	require.NoError(t, put(t, s.address(), s.ca.Config(s.client)))
	require.NoError(t, s.askPeer(t, s.server))
	require.NoError(t, s.askPeer(t, s.ca.Client("nowhere", "server")), "a certificate without addresses is good everywhere")
	require.Error(t, s.askPeer(t), "no certificate")
	require.Error(t, s.askPeer(t, s.client), "wrong common name")
	require.Error(t, s.askPeer(t, revoked), "revoked")
	_, _, err := page(t, "http://"+s.cluster.Member(0).PeerURL[len("https://"):]+"/version", nil, false)
	require.Error(t, err, "no TLS")
}

// peerAddresses: a certificate that names addresses comes from one of them.
func peerAddresses(t *testing.T, tg target) {
	elsewhere := tlstest.Request{CommonName: "server", Hosts: []string{"192.0.2.1"}}
	t.Run("checked", func(t *testing.T) {
		s := startSecure(t, tg, secureOptions{peerTLS: true})
		require.NoError(t, s.askPeer(t, s.server))
		require.Error(t, s.askPeer(t, s.ca.Issue("elsewhere", elsewhere)))
		require.Error(t, s.askPeer(t, s.ca.Issue("named", tlstest.Request{Hosts: []string{"no.such.host.invalid"}})))
		require.NoError(t, s.askPeer(t, s.ca.Issue("both", tlstest.Request{Hosts: []string{"no.such.host.invalid", "127.0.0.1"}})))
	})
	t.Run("skipped", func(t *testing.T) {
		tg.needs(t, skipAddressCheck)
		s := startSecure(t, tg, secureOptions{peerTLS: true, flags: func(*secureServer, *process.Member) []string {
			return []string{"--peer-skip-client-san-verification"}
		}})
		require.NoError(t, s.askPeer(t, s.ca.Issue("elsewhere", elsewhere)))
	})
}

// peerHostnames: a member's certificate has one of the allowed names; a pair
// of its own for the connections that members open.
func peerHostnames(t *testing.T, tg target) {
	tg.needs(t, allowedHostnameList)
	s := startSecure(t, tg, secureOptions{members: 3, peerTLS: true, flags: func(s *secureServer, _ *process.Member) []string {
		s.server = s.ca.Issue("server", tlstest.Request{CommonName: "x", Hosts: []string{"127.0.0.1", "localhost"}, Usages: serving})
		own := s.ca.Issue("dialing", tlstest.Request{CommonName: "y", Hosts: []string{"127.0.0.1", "dialer.example"}, Usages: calling})
		return []string{
			"--peer-cert-allowed-hostname=dialer.example,localhost",
			"--peer-client-cert-file=" + own.CertFile, "--peer-client-key-file=" + own.KeyFile,
		}
	}})
	require.NoError(t, put(t, s.address(), s.ca.Config(s.client)))
	require.Error(t, s.askPeer(t, s.ca.Issue("other", tlstest.Request{Hosts: []string{"127.0.0.1"}})))
}

// kubeadm: the command line that kubeadm writes.
func kubeadm(t *testing.T, tg target, members int) {
	tg.needs(t, httpPorts) // and what came with it
	metrics := map[string]string{}
	s := startSecure(t, tg, secureOptions{members: members, peerTLS: true, flags: func(_ *secureServer, m *process.Member) []string {
		metrics[m.Name] = "http://" + freeAddress(t)
		flags := []string{
			"--snapshot-count=10000", "--listen-metrics-urls=" + metrics[m.Name],
			"--feature-gates=InitialCorruptCheck=true", "--watch-progress-notify-interval=5s",
		}
		return flags
	}})
	for _, m := range s.cluster.Members() {
		require.NoError(t, put(t, m.ClientURL[len("https://"):], s.ca.Config(s.client)))
		for _, probe := range []string{"/health?serializable=false", "/readyz", "/livez", "/metrics"} {
			code, _, err := page(t, metrics[m.Name]+probe, nil, false)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, code, probe)
		}
	}
	if members == 1 {
		return
	}
	// A member comes back and catches up over TLS, and the others elect without it.
	leader := s.cluster.Member(0)
	require.NoError(t, leader.Kill())
	ok := slices.ContainsFunc([]int{0, 1, 2, 3, 4}, func(int) bool {
		return put(t, s.cluster.Member(1).ClientURL[len("https://"):], s.ca.Config(s.client)) == nil
	})
	require.True(t, ok)
	require.NoError(t, leader.Start())
	require.NoError(t, leader.WaitHealthy(t.Context()))
}

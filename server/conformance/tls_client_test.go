package conformance

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// requireRefused demands that a connection was refused, not that a request
// failed.
func requireRefused(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
}

// TestTLS checks who gets in by TLS, and who does not.
func TestTLS(t *testing.T) {
	t.Parallel()
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, target){
				"mutual":            mutualTLS,
				"reload":            reloadTLS,
				"separate_http":     separateHTTP,
				"allowed_hostname":  allowedHostname,
				"version_and_suite": versionAndSuite,
				"auto":              autoTLS,
				"unix":              unixSockets,
				"shared_address":    sharedAddress,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, tg)
				})
			}
		})
	}
}

// mutualTLS: a client port that demands certificates.
func mutualTLS(t *testing.T, tg target) {
	var revoked tlstest.Pair
	s := startSecure(t, tg, secureOptions{flags: func(s *secureServer, _ *process.Member) []string {
		revoked = s.ca.Client("revoked", "mallory")
		return []string{"--client-crl-file=" + s.ca.Revoke("list", revoked)}
	}})
	other := tlstest.NewCA(t, t.TempDir(), "other")
	url := s.cluster.Member(0).ClientURL
	mixed := func(p tlstest.Pair) *tls.Config { // trusts the server and shows p
		c := s.ca.Config()
		pair, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
		require.NoError(t, err)
		// Also one that the server does not ask for.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		return c
	}
	good := s.ca.Config(s.client)
	t.Run("certificate", func(t *testing.T) {
		require.NoError(t, put(t, s.address(), good))
	})
	for name, config := range map[string]*tls.Config{
		"no certificate":            s.ca.Config(),
		"certificate of another CA": mixed(other.Client("client", "alice")),
		"expired certificate":       mixed(s.ca.Issue("expired", tlstest.Request{CommonName: "alice", NotAfter: time.Now().Add(-time.Minute)})),
		"certificate for servers": mixed(s.ca.Issue("serving", tlstest.Request{
			CommonName: "alice", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})),
		"revoked certificate": mixed(revoked),
		"old TLS":             {RootCAs: good.RootCAs, Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"no TLS":              nil,
		"server not trusted":  other.Config(s.client),
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, put(t, s.address(), config))
			if config != nil {
				_, _, err := page(t, url+"/version", config, false)
				require.Error(t, err)
			}
		})
	}
	t.Run("http to https", func(t *testing.T) {
		code, _, err := page(t, "http://"+s.address()+"/version", nil, false)
		require.True(t, err != nil || code == http.StatusBadRequest, "%d %v", code, err)
	})
	t.Run("pages", func(t *testing.T) {
		code, protocol, err := page(t, url+"/health", good.Clone(), false)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, "HTTP/1.1", protocol)
		code, protocol, err = page(t, url+"/health", good.Clone(), true)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, "HTTP/2.0", protocol)
	})
	t.Run("grpc client that also offers HTTP/1", func(t *testing.T) {
		c := good.Clone()
		c.NextProtos = []string{"h2", "http/1.1"}
		require.NoError(t, put(t, s.address(), c))
	})
}

// reloadTLS: files that change while the server runs.
func reloadTLS(t *testing.T, tg target) {
	s := startSecure(t, tg, secureOptions{flags: func(s *secureServer, _ *process.Member) []string {
		return []string{"--client-crl-file=" + s.ca.Revoke("list")}
	}})
	config := s.ca.Config(s.client)
	t.Run("certificate", func(t *testing.T) {
		old := shown(t, s.address(), config)
		fresh := s.ca.Server("server")
		soon(t, "the new certificate is shown", func() bool {
			now := shown(t, s.address(), config)
			require.Contains(t, []string{old, fresh.Cert.SerialNumber.String()}, now)
			return now != old
		})
	})
	t.Run("revocation list", func(t *testing.T) {
		victim := s.ca.Client("victim", "bob")
		require.NoError(t, put(t, s.address(), s.ca.Config(victim)))
		s.ca.Revoke("list", victim)
		soon(t, "the list is used", func() bool { return put(t, s.address(), s.ca.Config(victim)) != nil })
		require.NoError(t, put(t, s.address(), config))
	})
	t.Run("CA bundle", func(t *testing.T) {
		if tg.name != process.Petcd {
			t.Skipf("etcd %s reads its CA bundle once", tg.name)
		}
		next := tlstest.NewCA(t, t.TempDir(), "next")
		c := s.ca.Config()
		pair, err := tls.LoadX509KeyPair(next.Client("carol", "carol").CertFile, filepath.Join(filepath.Dir(next.CertFile), "carol.key"))
		require.NoError(t, err)
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		requireRefused(t, put(t, s.address(), c))
		tlstest.WriteFile(t, s.ca.CertFile, []byte("this is no certificate"))
		require.NoError(t, put(t, s.address(), config), "a broken bundle leaves the old one in force")
		bundle, err := os.ReadFile(next.CertFile)
		require.NoError(t, err)
		tlstest.WriteFile(t, s.ca.CertFile, bundle)
		require.NoError(t, put(t, s.address(), c))
		requireRefused(t, put(t, s.address(), config))
	})
}

// separateHTTP: HTTP with ports of its own; the revocation list holds on both,
// and on the metrics port.
func separateHTTP(t *testing.T, tg target) {
	tg.needs(t, httpPorts)
	ports := []string{freeAddress(t), freeAddress(t)}
	var revoked tlstest.Pair
	s := startSecure(t, tg, secureOptions{flags: func(s *secureServer, m *process.Member) []string {
		revoked = s.ca.Client("revoked", "mallory")
		return []string{
			"--client-crl-file=" + s.ca.Revoke("list", revoked),
			"--listen-client-urls=https://" + ports[0], "--listen-metrics-urls=https://" + ports[1],
			"--listen-client-http-urls=" + m.ClientURL,
		}
	}})
	bad, good := s.ca.Config(revoked), s.ca.Config(s.client)
	require.NoError(t, put(t, ports[0], good))
	requireRefused(t, put(t, ports[0], bad))
	requireRefused(t, put(t, ports[0], s.ca.Config()))
	for _, url := range []string{s.cluster.Member(0).ClientURL, "https://" + ports[1]} {
		code, _, err := page(t, url+"/health", good.Clone(), true)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
		_, _, err = page(t, url+"/health", bad.Clone(), true)
		require.Error(t, err)
	}
	code, _, err := page(t, "https://"+ports[0]+"/health", good.Clone(), false)
	require.True(t, err != nil || code == http.StatusNotFound, "no pages on the port for gRPC: %d %v", code, err)
	require.Error(t, put(t, s.address(), good), "no gRPC on the port for HTTP")
}

// allowedHostname: only certificates with one of the names get in.
func allowedHostname(t *testing.T, tg target) {
	tg.needs(t, allowedHostnameList)
	s := startSecure(t, tg, secureOptions{flags: func(s *secureServer, _ *process.Member) []string {
		s.client = s.ca.Issue("client", tlstest.Request{CommonName: "alice", Hosts: []string{"b.example"}})
		return []string{"--client-cert-allowed-hostname=a.example,b.example"}
	}})
	require.NoError(t, put(t, s.address(), s.ca.Config(s.client)))
	require.NoError(t, put(t, s.address(), s.ca.Config(s.ca.Issue("first", tlstest.Request{CommonName: "x", Hosts: []string{"a.example"}}))))
	requireRefused(t, put(t, s.address(), s.ca.Config(s.ca.Issue("stranger", tlstest.Request{CommonName: "b.example", Hosts: []string{"c.example"}}))))
	requireRefused(t, put(t, s.address(), s.ca.Config(s.ca.Client("nameless", "b.example"))))
}

// versionAndSuite: what the handshake may agree on.
func versionAndSuite(t *testing.T, tg target) {
	only := func(version, suite uint16) *tls.Config {
		return &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: []uint16{suite}}
	}
	with := func(s *secureServer, c *tls.Config) *tls.Config {
		c.RootCAs = s.ca.Config().RootCAs
		return c
	}
	aes128, aes256 := tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	t.Run("suites", func(t *testing.T) {
		s := startSecure(t, tg, secureOptions{noAuth: true, flags: func(*secureServer, *process.Member) []string {
			return []string{"--cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}
		}})
		require.NoError(t, put(t, s.address(), with(s, only(tls.VersionTLS12, aes128))))
		requireRefused(t, put(t, s.address(), with(s, only(tls.VersionTLS12, aes256))))
	})
	t.Run("TLS1.3 at least", func(t *testing.T) {
		tg.needs(t, tlsVersions)
		s := startSecure(t, tg, secureOptions{noAuth: true, flags: func(*secureServer, *process.Member) []string { return []string{"--tls-min-version=TLS1.3"} }})
		require.NoError(t, put(t, s.address(), with(s, only(tls.VersionTLS13, 0))))
		requireRefused(t, put(t, s.address(), with(s, only(tls.VersionTLS12, aes256))))
	})
	t.Run("TLS1.2 at most", func(t *testing.T) {
		tg.needs(t, tlsVersions)
		s := startSecure(t, tg, secureOptions{noAuth: true, flags: func(*secureServer, *process.Member) []string { return []string{"--tls-max-version=TLS1.2"} }})
		require.NoError(t, put(t, s.address(), with(s, only(tls.VersionTLS12, aes256))))
		requireRefused(t, put(t, s.address(), with(s, only(tls.VersionTLS13, 0))))
	})
}

// autoTLS: certificates that the server makes, and keeps.
func autoTLS(t *testing.T, tg target) {
	blind := &tls.Config{InsecureSkipVerify: true}
	ctx := t.Context()
	c, err := process.Start(ctx, process.Config{
		Binary: tg.bin, Root: t.TempDir(), ClientTLS: blind, PeerTLS: true,
		Flags: []string{"--auto-tls", "--peer-auto-tls"}, Members: 3,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	m := c.Member(0)
	address := m.ClientURL[len("https://"):]
	require.NoError(t, put(t, address, blind))
	first := shown(t, address, blind)
	for _, kind := range []string{"client", "peer"} {
		require.FileExists(t, filepath.Join(m.DataDir, "fixtures", kind, "cert.pem"))
		info, err := os.Stat(filepath.Join(m.DataDir, "fixtures", kind, "key.pem"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	pem, err := os.ReadFile(filepath.Join(m.DataDir, "fixtures", "client", "cert.pem"))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	require.NoError(t, put(t, address, &tls.Config{RootCAs: pool}), "the certificate names the address")
	require.NoError(t, m.Restart())
	require.NoError(t, m.WaitHealthy(ctx))
	require.Equal(t, first, shown(t, address, blind), "the certificate is kept")
}

// unixSockets: client ports that are Unix sockets.
func unixSockets(t *testing.T, tg target) {
	tg.needs(t, unixPorts)
	dir, err := os.MkdirTemp("", "tls") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	plain, secure := filepath.Join(dir, "plain"), filepath.Join(dir, "secure")
	s := startSecure(t, tg, secureOptions{flags: func(_ *secureServer, m *process.Member) []string {
		return []string{"--listen-client-urls=" + m.ClientURL + ",unix://" + plain + ",unixs://" + secure}
	}})
	require.NoError(t, put(t, "unix://"+plain, nil))
	c := s.ca.Config(s.client)
	c.ServerName = "localhost"
	require.NoError(t, put(t, "unix://"+secure, c))
	requireRefused(t, put(t, "unix://"+secure, nil))
	noCert := s.ca.Config()
	noCert.ServerName = "localhost"
	requireRefused(t, put(t, "unix://"+secure, noCert))
}

// sharedAddress: one address with TLS and without.
func sharedAddress(t *testing.T, tg target) {
	tg.needs(t, oneAddress)
	address := freeAddress(t)
	s := startSecure(t, tg, secureOptions{flags: func(_ *secureServer, m *process.Member) []string {
		return []string{"--listen-client-urls=" + m.ClientURL + ",http://" + address + ",https://" + address}
	}})
	require.NoError(t, put(t, address, nil))
	require.NoError(t, put(t, address, s.ca.Config(s.client)))
	requireRefused(t, put(t, address, s.ca.Config()))
	for _, scheme := range []string{"http://", "https://"} {
		code, _, err := page(t, scheme+address+"/version", s.ca.Config(s.client), false)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
	}
}

package conformance

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
	"github.com/petcd/petcd/server/tlstest"
)

// What a certificate may be good for.
var (
	serving = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	calling = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
)

// TestTLSRefusedAtStart checks what a server says of flags that don't fit.
func TestTLSRefusedAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := tlstest.NewCA(t, dir, "ca")
	pair := ca.Server("server")
	cert, key := "--cert-file="+pair.CertFile, "--key-file="+pair.KeyFile
	peerCert, peerKey := "--peer-cert-file="+pair.CertFile, "--peer-key-file="+pair.KeyFile
	secure, securePeer := "--listen-client-urls=https://127.0.0.1:0", "--listen-peer-urls=https://127.0.0.1:0"
	for name, tc := range map[string]struct {
		flags []string
		says  string
	}{
		"no certificate":             {flags: []string{secure}, says: "TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:0 with HTTPS scheme"},
		"no certificate for HTTP":    {flags: []string{"--listen-client-http-urls=https://127.0.0.1:1"}, says: "must be provided for client url https://127.0.0.1:1 with HTTPS scheme"},
		"no certificate for metrics": {flags: []string{"--listen-metrics-urls=https://127.0.0.1:0"}, says: "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url"},
		"no certificate for peers":   {flags: []string{securePeer}, says: "KeyFile and CertFile are not presented"},
		"no key":                     {flags: []string{securePeer, peerCert}, says: "KeyFile and CertFile must both be present[key: , cert: " + pair.CertFile + "]"},
		"no certificate to a key":    {flags: []string{securePeer, peerKey}, says: "KeyFile and CertFile must both be present[key: " + pair.KeyFile + ", cert: ]"},
		"half a client's pair":       {flags: []string{securePeer, peerCert, peerKey, "--peer-client-cert-file=" + pair.CertFile}, says: "ClientKeyFile and ClientCertFile must both be present or both absent: key: , cert: " + pair.CertFile + "]"},
		"no such file":               {flags: []string{securePeer, peerCert, "--peer-key-file=" + dir + "/none"}, says: "no such file"},
		"no certificate in it":       {flags: []string{securePeer, "--peer-cert-file=" + pair.KeyFile, peerKey}, says: "tls: failed to find"},
		"names and hostnames":        {flags: []string{securePeer, peerCert, peerKey, "--peer-cert-allowed-cn=a", "--peer-cert-allowed-hostname=b"}, says: `AllowedCNs and AllowedHostnames are mutually exclusive (cns=[\"a\"], hostnames=[\"b\"])`},
		"unknown suite":              {flags: []string{cert, key, secure, "--cipher-suites=TLS_NONE"}, says: `unexpected TLS cipher suite \"TLS_NONE\"`},
		"unknown version":            {flags: []string{"--tls-min-version=SSL3"}, says: `unexpected TLS version \"SSL3\" (must be one of: TLS1.2, TLS1.3)`},
		"versions crossed":           {flags: []string{"--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"}, says: "min version (TLS1.3) is greater than max version (TLS1.2)"},
		"suites of TLS1.3":           {flags: []string{"--tls-min-version=TLS1.3", "--cipher-suites=TLS_AES_128_GCM_SHA256"}, says: "cipher suites cannot be configured when only TLS1.3 is enabled"},
		"no validity":                {flags: []string{secure, "--auto-tls", "--self-signed-cert-validity=0"}, says: "selfSignedCertValidity is invalid,it should be greater than 0"},
		"one address for both":       {flags: []string{"--listen-client-urls=http://127.0.0.1:1", "--listen-client-http-urls=http://127.0.0.1:1"}, says: "cannot bind both --listen-client-urls and --listen-client-http-urls on the same url http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, tg := range targets(t) {
				t.Run(tg.name, func(t *testing.T) {
					t.Parallel()
					tg.needs(t, zapLogs)
					require.Contains(t, failedStart(t, tg, tc.flags...), tc.says)
				})
			}
		})
	}
	t.Run("weak suite", func(t *testing.T) {
		for _, tg := range targets(t) {
			if tg.name == process.Petcd { // etcd takes it
				require.Contains(t, failedStart(t, tg, cert, key, secure, "--cipher-suites=TLS_RSA_WITH_RC4_128_SHA"), "has known weaknesses")
			}
		}
	})
}

// failedStart runs a server that must not start, and returns its log.
func failedStart(t *testing.T, tg target, flags ...string) string {
	t.Helper()
	c, err := process.New(process.Config{Binary: tg.bin, Root: t.TempDir(), Flags: flags})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.NoError(t, c.StartAll())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	code, err := c.Member(0).Wait(ctx)
	require.NoError(t, err, c.Member(0).LogTail(10))
	require.NotZero(t, code)
	return c.Member(0).LogTail(200)
}

// TestTLSWarnings checks what a server writes of its ports, and of a data
// directory that others may enter.
func TestTLSWarnings(t *testing.T) {
	t.Parallel()
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			t.Parallel()
			tg.needs(t, zapLogs)
			s := startSecure(t, tg, secureOptions{flags: func(s *secureServer, m *process.Member) []string {
				require.NoError(t, os.MkdirAll(m.DataDir, 0o755))
				require.NoError(t, os.Chmod(m.DataDir, 0o755))
				flags := append(tlstest.PeerPortFlags(s.ca, s.server, true), "--listen-client-urls="+m.ClientURL+",http://"+freeAddress(t))
				return flags
			}})
			m := s.cluster.Member(0)
			soon(t, "the lines are there", func() bool {
				log := m.LogTail(1000)
				for _, line := range []string{
					"starting with peer TLS", "starting with client TLS", "trusted-ca = " + filepath.Join(filepath.Dir(s.ca.CertFile), "ca.crt"),
					"ignoring key and cert files", "ignoring client cert auth for this URL", "is enabled; ignoring client cert auth for this URL",
					"serving client traffic", "insecure", "The recommended permission is",
				} {
					if !strings.Contains(log, line) {
						return false
					}
				}
				return true
			})
		})
	}
}

package tlsconfig_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/tlsconfig"
	"github.com/petcd/petcd/server/tlstest"
)

// handshake lets a client's and a server's configuration meet; the errors are
// the client's and the server's.
func handshake(t *testing.T, client, server *tls.Config) (shown tls.ConnectionState, clientErr, serverErr error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a, b := net.Pipe()
	defer a.Close()
	ended := make(chan error, 1)
	go func() {
		s := tls.Server(b, server)
		err := s.HandshakeContext(ctx)
		if err == nil {
			_, err = s.Write([]byte{1}) // in TLS 1.3 the client learns of a refusal with its first read
		}
		b.Close()
		ended <- err
	}()
	if client.ServerName == "" {
		client = client.Clone()
		client.ServerName = "localhost"
	}
	c := tls.Client(a, client)
	clientErr = c.HandshakeContext(ctx)
	if clientErr == nil {
		_, clientErr = c.Read(make([]byte, 1))
	}
	shown = c.ConnectionState()
	a.Close()
	return shown, clientErr, <-ended
}

// listen makes a source and its configuration for listening.
func listen(t *testing.T, o tlsconfig.Options) *tls.Config {
	t.Helper()
	s, err := tlsconfig.New(o)
	require.NoError(t, err)
	c, err := s.Listen("h2", "http/1.1")
	require.NoError(t, err)
	return c
}

func files(ca *tlstest.CA, p tlstest.Pair) config.TLS {
	return config.TLS{CertFile: p.CertFile, KeyFile: p.KeyFile, TrustedCAFile: ca.CertFile}
}

func TestBrokenFilesLeaveTheOldOnesInForce(t *testing.T) {
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	pair, alice := ca.Server("server"), ca.Client("alice", "alice")
	f := files(ca, pair)
	f.CRLFile = ca.Revoke("list")
	var log bytes.Buffer
	server := listen(t, tlsconfig.Options{Files: f, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	good := func() string {
		state, err, _ := handshake(t, ca.Config(alice), server)
		require.NoError(t, err)
		return state.PeerCertificates[0].SerialNumber.String()
	}
	first := good()
	for _, path := range []string{pair.CertFile, ca.CertFile, f.CRLFile} {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		tlstest.WriteFile(t, path, []byte("rubbish"))
		require.Equal(t, first, good())
		require.NoError(t, os.Remove(path))
		require.Equal(t, first, good())
		require.Contains(t, log.String(), "stays in force")
		require.Contains(t, log.String(), path)
		log.Reset()
		tlstest.WriteFile(t, path, data)
		require.Equal(t, first, good())
		require.Contains(t, log.String(), "reloaded")
		log.Reset()
	}
	// A key that does not fit its certificate, as in the moment between two writes.
	fresh := ca.Server("fresh")
	cert, err := os.ReadFile(fresh.CertFile)
	require.NoError(t, err)
	key, err := os.ReadFile(fresh.KeyFile)
	require.NoError(t, err)
	tlstest.WriteFile(t, pair.CertFile, cert)
	require.Equal(t, first, good())
	tlstest.WriteFile(t, pair.KeyFile, key)
	require.Equal(t, fresh.Cert.SerialNumber.String(), good())

	ca.Revoke("list", alice)
	_, _, err = handshake(t, ca.Config(alice), server)
	require.ErrorIs(t, err, tlsconfig.ErrRevoked)
	other := tlstest.NewCA(t, t.TempDir(), "other")
	bundle, err := os.ReadFile(other.CertFile)
	require.NoError(t, err)
	tlstest.WriteFile(t, ca.CertFile, bundle)
	_, _, err = handshake(t, ca.Config(ca.Client("bob", "bob")), server)
	require.Error(t, err)
}

func TestBrokenFilesAtTheStart(t *testing.T) {
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	pair := ca.Server("server")
	rubbish := filepath.Join(t.TempDir(), "rubbish")
	tlstest.WriteFile(t, rubbish, []byte("rubbish"))
	for name, change := range map[string]func(*config.TLS){
		"bundle":   func(f *config.TLS) { f.TrustedCAFile = rubbish },
		"list":     func(f *config.TLS) { f.CRLFile = rubbish },
		"missing":  func(f *config.TLS) { f.CRLFile = rubbish + "s" },
		"own pair": func(f *config.TLS) { f.ClientCertFile, f.ClientKeyFile = rubbish, pair.KeyFile },
	} {
		t.Run(name, func(t *testing.T) {
			f := files(ca, pair)
			change(&f)
			_, err := tlsconfig.New(tlsconfig.Options{Files: f})
			require.ErrorContains(t, err, rubbish)
		})
	}
}

func TestSessionsAreNotResumed(t *testing.T) {
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	server := listen(t, tlsconfig.Options{Files: files(ca, ca.Server("server"))})
	client := ca.Config(ca.Client("alice", "alice"))
	client.ClientSessionCache = tls.NewLRUClientSessionCache(10)
	for range 3 {
		state, err, _ := handshake(t, client, server)
		require.NoError(t, err)
		require.False(t, state.DidResume)
	}
}

func TestMembersMeet(t *testing.T) {
	ca := tlstest.NewCA(t, t.TempDir(), "ca")
	f := files(ca, ca.Server("server"))
	f.ClientCertAuth = true
	f.AllowedCNs = []string{"server"}
	s, err := tlsconfig.New(tlsconfig.Options{Files: f})
	require.NoError(t, err)
	server, err := s.Listen("http/1.1")
	require.NoError(t, err)
	_, clientErr, serverErr := handshake(t, s.Dial("localhost"), server)
	require.NoError(t, errors.Join(clientErr, serverErr))
	_, clientErr, _ = handshake(t, s.Dial("elsewhere"), server)
	require.ErrorContains(t, clientErr, "elsewhere")

	// Who is dialed needs an allowed name as well.
	f.AllowedCNs = []string{"another"}
	strict, err := tlsconfig.New(tlsconfig.Options{Files: f})
	require.NoError(t, err)
	_, clientErr, _ = handshake(t, strict.Dial("localhost"), server)
	require.ErrorIs(t, clientErr, tlsconfig.ErrNotAllowed)
}

func TestSelfSigned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "fixtures")
	discard := slog.New(slog.DiscardHandler)
	made, err := tlsconfig.SelfSigned(dir, []string{"127.0.0.1:1", "localhost:2", ""}, 1, discard)
	require.NoError(t, err)
	again, err := tlsconfig.SelfSigned(dir, nil, 1, discard)
	require.NoError(t, err)
	require.Equal(t, made, again)
	s, err := tlsconfig.New(tlsconfig.Options{Files: made, SelfSigned: true})
	require.NoError(t, err)
	server, err := s.Listen("h2")
	require.NoError(t, err)
	state, clientErr, serverErr := handshake(t, s.Dial("anything"), server)
	require.NoError(t, errors.Join(clientErr, serverErr))
	require.NoError(t, state.PeerCertificates[0].VerifyHostname("127.0.0.1"))
	require.NoError(t, state.PeerCertificates[0].VerifyHostname("localhost"))
	require.WithinDuration(t, time.Now().AddDate(0, 0, 365), state.PeerCertificates[0].NotAfter, time.Hour)
	_, err = tlsconfig.SelfSigned(dir, nil, 0, discard)
	require.Error(t, err)
}

func TestListenNeedsACertificate(t *testing.T) {
	s, err := tlsconfig.New(tlsconfig.Options{})
	require.NoError(t, err)
	require.True(t, s.Empty())
	_, err = s.Listen()
	require.ErrorIs(t, err, tlsconfig.ErrNoCertificate)
	require.Equal(t, "peer.example", s.Dial("peer.example").ServerName)
}

func TestCipherSuites(t *testing.T) {
	for name, ok := range map[string]bool{
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": true,
		"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305":  true, // an old name
		"TLS_RSA_WITH_RC4_128_SHA":              false,
		"TLS_NONE":                              false,
	} {
		_, err := tlsconfig.New(tlsconfig.Options{CipherSuites: []string{name}, MinVersion: "TLS1.2"})
		require.Equal(t, ok, err == nil, "%s: %v", name, err)
	}
	for _, weak := range tls.InsecureCipherSuites() {
		_, err := tlsconfig.New(tlsconfig.Options{CipherSuites: []string{weak.Name}})
		require.ErrorContains(t, err, "weaknesses")
	}
}

package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/listener"
	"github.com/petcd/petcd/server/tlsconfig"
)

// security is what TLS the member's ports and connections use.
type security struct {
	client, peer *tlsconfig.Source
	skipAddress  bool // of peers
	logger       *slog.Logger
}

// openSecurity checks the flags of TLS against each other and against the URLs, makes the certificates of auto TLS, and reads
// all files.
func openSecurity(c *config.Config, logger *slog.Logger) (*security, error) {
	s := &security{logger: logger, skipAddress: c.PeerTLS.SkipClientSANVerification}
	var err error
	if s.peer, err = source(c, "peer", c.PeerTLS, c.ListenPeerURLs, logger); err != nil {
		return nil, err
	}
	hosts := append(append([]url.URL(nil), c.ListenClientURLs...), c.ListenClientHTTPURLs...)
	if s.client, err = source(c, "client", c.ClientTLS, hosts, logger); err != nil {
		return nil, err
	}
	for _, u := range c.ListenPeerURLs {
		s.noteIgnored(s.peer, u, u.Scheme == "http", c.PeerTLS.ClientCertAuth, "HTTP", "--peer-client-cert-auth", "peer-url")
		if listener.IsSecure(u) && s.peer.Empty() {
			return nil, fmt.Errorf("cannot listen on TLS for %s: %w", listener.Address(u), tlsconfig.ErrNoCertificate)
		}
	}
	for _, u := range hosts {
		s.noteIgnored(s.client, u, !listener.IsSecure(u), c.ClientTLS.ClientCertAuth, "http or unix", "--client-cert-auth", "client-url")
		if listener.IsSecure(u) && s.client.Empty() {
			return nil, fmt.Errorf("TLS key/cert (--cert-file, --key-file) must be provided for client url %s with HTTPS scheme", u.String())
		}
	}
	for _, u := range c.ListenMetricsURLs {
		if listener.IsSecure(u) && s.client.Empty() {
			return nil, errors.New("client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url")
		}
	}
	return s, nil
}

// noteIgnored warns of certificates that a port without TLS does not use, in etcd's words.
func (s *security) noteIgnored(from *tlsconfig.Source, u url.URL, plain, auth bool, scheme, flag, key string) {
	if plain && !from.Empty() {
		s.logger.Warn("scheme is "+scheme+" while key and cert files are present; ignoring key and cert files", key, u.String())
	}
	if plain && auth {
		s.logger.Warn("scheme is "+scheme+" while "+flag+" is enabled; ignoring client cert auth for this URL", key, u.String())
	}
}

// source reads the files of one kind of port, making them first if that is wanted.
func source(c *config.Config, kind string, files config.TLS, urls []url.URL, logger *slog.Logger) (*tlsconfig.Source, error) {
	o := tlsconfig.Options{
		Files: files, CipherSuites: c.CipherSuites, MinVersion: c.TLSMinVersion, MaxVersion: c.TLSMaxVersion,
		Logger: logger.With("port", kind),
	}
	switch {
	case files.Auto && (files.CertFile != "" || files.KeyFile != ""):
		logger.Warn("ignoring " + kind + " auto TLS since certs given")
	case files.Auto:
		var hosts []string
		for _, u := range urls {
			hosts = append(hosts, u.Host)
		}
		var err error
		if o.Files, err = tlsconfig.SelfSigned(filepath.Join(c.DataDir, "fixtures", kind), hosts, c.SelfSignedCertValidity, logger); err != nil {
			return nil, fmt.Errorf("server: failed to get %s self-signed certs: %w", kind, err)
		}
		o.SelfSigned = true
	}
	s, err := tlsconfig.New(o)
	if err != nil {
		return nil, err
	}
	if !s.Empty() {
		logger.Info("starting with "+kind+" TLS", "tls-info", s.String(), "cipher-suites", c.CipherSuites)
	}
	return s, nil
}

// clientRules are the rules of a client port.
func (s *security) clientRules(limit listener.Limit) (listener.Rules, error) {
	c, err := s.client.Listen("h2", "http/1.1")
	return listener.Rules{TLS: c, Limit: limit, Refused: s.refusals("rejected connection on client endpoint")}, err
}

// metricsRules are those of a metrics port: a client port's that, as in etcd, also looks where a certificate comes from.
func (s *security) metricsRules() (listener.Rules, error) {
	r, err := s.clientRules(nil)
	r.Check = checkAddress
	return r, err
}

// peerRules are the rules of a peer port.
func (s *security) peerRules() (listener.Rules, error) {
	c, err := s.peer.Listen("http/1.1")
	r := listener.Rules{TLS: c, Refused: s.refusals("rejected connection on peer endpoint")}
	if !s.skipAddress {
		r.Check = checkAddress
	}
	return r, err
}

// checkAddress refuses a certificate that names other addresses than the one it comes from. A Unix socket has none.
func checkAddress(ctx context.Context, c *tls.Conn) error {
	certs := c.ConnectionState().PeerCertificates
	if _, tcp := c.RemoteAddr().(*net.TCPAddr); len(certs) == 0 || !tcp {
		return nil
	}
	return tlsconfig.CheckAddress(ctx, net.DefaultResolver, certs[0], c.RemoteAddr().String())
}

// refusalEvery is how often a port writes that it refused somebody: who is refused may come again at once.
const refusalEvery = time.Second

// refusals makes what a port tells of connections that it refused: one line in a while, with the number of those left out.
// Connections that only broke off are for debugging.
func (s *security) refusals(message string) func(*tls.Conn, error) {
	var mu sync.Mutex
	var last time.Time
	left := 0
	return func(c *tls.Conn, err error) {
		level := slog.LevelWarn
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			level = slog.LevelDebug
		}
		if !s.logger.Enabled(context.Background(), level) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < refusalEvery {
			left++
			return
		}
		state := c.ConnectionState()
		attrs := []any{"remote-addr", c.RemoteAddr().String(), "server-name", state.ServerName, "error", err}
		if len(state.PeerCertificates) > 0 {
			attrs = append(attrs, "ip-addresses", state.PeerCertificates[0].IPAddresses, "dns-names", state.PeerCertificates[0].DNSNames)
		}
		if left > 0 {
			attrs = append(attrs, "left-out", left)
		}
		s.logger.Log(context.Background(), level, message, attrs...)
		last, left = time.Now(), 0
	}
}

package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"

	"github.com/petcd/petcd/server/config"
)

// Options are what a Source is made of.
type Options struct {
	Files                  config.TLS
	CipherSuites           []string
	MinVersion, MaxVersion string
	// SelfSigned says that Files are of a certificate that SelfSigned made:
	// connections to other members cannot verify theirs.
	SelfSigned bool
	Logger     *slog.Logger // nil discards
}

// Source makes the TLS configurations of one kind of port.
type Source struct {
	files      config.TLS
	selfSigned bool
	limits     *tls.Config

	pair    *watched[*tls.Certificate] // nil: no certificate was given
	client  *watched[*tls.Certificate] // shown by connections that the member opens
	trusted *watched[*x509.CertPool]   // nil: the system's CAs
	revoked *watched[revocations]      // nil: there is no list
}

// New checks the rules and reads the files. Without a certificate the Source
// can only Dial.
func New(o Options) (_ *Source, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Source{files: o.Files, selfSigned: o.SelfSigned}
	if s.limits, err = limits(o.MinVersion, o.MaxVersion, o.CipherSuites); err != nil {
		return nil, err
	}
	f := &s.files
	if f.CertFile == "" && f.KeyFile == "" {
		return s, nil
	}
	if f.CertFile == "" || f.KeyFile == "" {
		return nil, fmt.Errorf("KeyFile and CertFile must both be present[key: %v, cert: %v]", f.KeyFile, f.CertFile)
	}
	if s.pair, err = watch("certificate", o.Logger, parsePair, f.CertFile, f.KeyFile); err != nil {
		return nil, fmt.Errorf("tlsconfig: %v: %w", s.pair, err)
	}
	if (f.ClientKeyFile == "") != (f.ClientCertFile == "") {
		return nil, fmt.Errorf("ClientKeyFile and ClientCertFile must both be present or both absent: key: %v, cert: %v]", f.ClientKeyFile, f.ClientCertFile)
	}
	s.client = s.pair
	if f.ClientCertFile != "" {
		if s.client, err = watch("client certificate", o.Logger, parsePair, f.ClientCertFile, f.ClientKeyFile); err != nil {
			return nil, fmt.Errorf("tlsconfig: %v: %w", s.client, err)
		}
	}
	if len(f.AllowedCNs) > 0 && len(f.AllowedHostnames) > 0 {
		return nil, fmt.Errorf("AllowedCNs and AllowedHostnames are mutually exclusive (cns=%q, hostnames=%q)", f.AllowedCNs, f.AllowedHostnames)
	}
	if f.TrustedCAFile != "" {
		if s.trusted, err = watch("CA bundle", o.Logger, parsePool, f.TrustedCAFile); err != nil {
			return nil, fmt.Errorf("tlsconfig: %v: %w", s.trusted, err)
		}
	}
	if f.CRLFile != "" {
		if s.revoked, err = watch("revocation list", o.Logger, parseRevocations, f.CRLFile); err != nil {
			return nil, fmt.Errorf("tlsconfig: %v: %w", s.revoked, err)
		}
	}
	return s, nil
}

// Empty tells that no certificate was given.
func (s *Source) Empty() bool { return s.pair == nil }

// String shows the files, in etcd's form for its log.
func (s *Source) String() string {
	f := &s.files
	return fmt.Sprintf("cert = %s, key = %s, client-cert=%s, client-key=%s, trusted-ca = %s, client-cert-auth = %v, crl-file = %s",
		f.CertFile, f.KeyFile, f.ClientCertFile, f.ClientKeyFile, f.TrustedCAFile, f.ClientCertAuth, f.CRLFile)
}

// Listen is the configuration of a port that offers these protocols (ALPN).
func (s *Source) Listen(protocols ...string) (*tls.Config, error) {
	if s.Empty() {
		return nil, ErrNoCertificate
	}
	c := s.limits.Clone()
	c.NextProtos = protocols
	// As in etcd, a CA bundle demands certificates even without the flag.
	if s.trusted != nil || s.files.ClientCertAuth {
		c.ClientAuth = tls.RequireAndVerifyClientCert
		c.VerifyConnection = s.verify
	}
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := c.Clone()
		now.GetConfigForClient = nil
		now.Certificates = []tls.Certificate{*s.pair.get()}
		if s.trusted != nil {
			now.ClientCAs = s.trusted.get()
		}
		return now, nil
	}
	return c, nil
}

// Dial is the configuration of a connection to a member at host.
func (s *Source) Dial(host string) *tls.Config {
	c := s.limits.Clone()
	c.ServerName = host
	if s.Empty() {
		return c
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.client.get(), nil }
	c.InsecureSkipVerify = s.selfSigned
	if s.trusted != nil {
		c.RootCAs = s.trusted.get()
	}
	c.VerifyConnection = s.verify
	return c
}

// verify refuses who is not allowed or no longer trusted. Go calls it in every
// handshake, after it has verified the chain.
func (s *Source) verify(cs tls.ConnectionState) error {
	if err := s.allowed(cs.VerifiedChains); err != nil {
		return err
	}
	if s.revoked != nil {
		return s.revoked.get().check(cs.PeerCertificates)
	}
	return nil
}

// allowed looks for one of the allowed names in the certificate.
func (s *Source) allowed(chains [][]*x509.Certificate) error {
	if len(s.files.AllowedCNs) == 0 && len(s.files.AllowedHostnames) == 0 {
		return nil
	}
	for _, chain := range chains {
		if len(chain) == 0 {
			continue
		}
		hasName := func(name string) bool { return chain[0].VerifyHostname(name) == nil }
		if slices.Contains(s.files.AllowedCNs, chain[0].Subject.CommonName) || slices.ContainsFunc(s.files.AllowedHostnames, hasName) {
			return nil
		}
	}
	return ErrNotAllowed
}

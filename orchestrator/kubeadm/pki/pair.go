package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// Pair is a certificate and its key.
type Pair struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// Subject is whom a certificate is for and under which names a server is reached.
type Subject struct {
	Name   string
	Groups []string
	Names  []string
	IPs    []net.IP
	Usages []x509.ExtKeyUsage
	IsCA   bool
	Life   time.Duration
}

// New makes a pair that the authority signs, or that signs itself where there is none.
func New(s Subject, authority *Pair) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki: key of %s: %w", s.Name, err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("pki: serial number: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: s.Name, Organization: s.Groups}, DNSNames: s.Names, IPAddresses: s.IPs,
		NotBefore: now.Add(-5 * time.Minute), NotAfter: now.Add(s.Life), ExtKeyUsage: s.Usages,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true, IsCA: s.IsCA,
	}
	signer := &Pair{Cert: template, Key: key}
	if authority != nil {
		signer = authority
		if template.NotAfter.After(authority.Cert.NotAfter) {
			template.NotAfter = authority.Cert.NotAfter
		}
	}
	if s.IsCA {
		template.KeyUsage |= x509.KeyUsageCertSign
		template.DNSNames = []string{s.Name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.Cert, key.Public(), signer.Key)
	if err != nil {
		return nil, fmt.Errorf("pki: certificate of %s: %w", s.Name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("pki: certificate of %s: %w", s.Name, err)
	}
	return &Pair{Cert: cert, Key: key}, nil
}

// CertPEM is the certificate as files hold it.
func (p *Pair) CertPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certutil.CertificateBlockType, Bytes: p.Cert.Raw})
}

// KeyPEM is the key as files hold it.
func (p *Pair) KeyPEM() ([]byte, error) {
	b, err := keyutil.MarshalPrivateKeyToPEM(p.Key)
	if err != nil {
		return nil, fmt.Errorf("pki: key of %s: %w", p.Cert.Subject.CommonName, err)
	}
	return b, nil
}

// write makes NAME.crt and NAME.key.
func (p *Pair) write(dir, name string) error {
	key, err := p.KeyPEM()
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, name+".key"), key, 0o600); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, name+".crt"), p.CertPEM(), 0o644)
}

func writeFile(file string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("pki: %w", err)
	}
	if err := os.WriteFile(file, content, mode); err != nil {
		return fmt.Errorf("pki: %w", err)
	}
	return nil
}

// Read returns the pair in NAME.crt and NAME.key; nil where neither is. Where only the certificate is, the pair has no key.
func Read(dir, name string) (*Pair, error) {
	certs, err := certutil.CertsFromFile(filepath.Join(dir, name+".crt"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pki: %s.crt: %w", name, err)
	}
	p := &Pair{Cert: certs[0]}
	key, err := keyutil.PrivateKeyFromFile(filepath.Join(dir, name+".key"))
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pki: %s.key: %w", name, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("pki: %s.key: a %T cannot sign", name, key)
	}
	p.Key = signer
	return p, nil
}

package tlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// CA signs certificates. Its files are in one folder, named after what they
// are of.
type CA struct {
	// CertFile is the CA's own certificate, what --trusted-ca-file and
	// --cacert take.
	CertFile string
	// Cert is the certificate in that file.
	Cert *x509.Certificate

	t      testing.TB
	dir    string
	key    crypto.Signer
	serial int64
	crl    int64
}

// Pair is a certificate with its key.
type Pair struct {
	CertFile, KeyFile string
	Cert              *x509.Certificate
}

// NewCA makes an authority that writes to dir; name is its common name and the
// name of its file.
func NewCA(t testing.TB, dir, name string) *CA {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{"tlstest"}},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true,
	}
	ca := &CA{t: t, dir: dir, CertFile: filepath.Join(dir, name+".crt")}
	ca.Cert, ca.key = sign(t, template, template, nil)
	WriteFile(t, ca.CertFile, certPEM(ca.Cert))
	return ca
}

// Request says what a certificate is to be. Hosts are names and addresses;
// without usages it serves both ends of a connection.
type Request struct {
	CommonName   string
	Organization string
	Hosts        []string
	Usages       []x509.ExtKeyUsage
	NotAfter     time.Time // zero: a day from now
}

// Issue makes a certificate and writes it to <name>.crt and <name>.key; a
// former one of that name is replaced.
func (ca *CA) Issue(name string, r Request) Pair {
	ca.t.Helper()
	ca.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(ca.serial),
		Subject:      pkix.Name{CommonName: r.CommonName},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: r.NotAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: r.Usages,
	}
	if r.Organization != "" {
		template.Subject.Organization = []string{r.Organization}
	}
	if r.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	if r.Usages == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	for _, h := range r.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	cert, key := sign(ca.t, template, ca.Cert, ca.key)
	p := Pair{CertFile: filepath.Join(ca.dir, name+".crt"), KeyFile: filepath.Join(ca.dir, name+".key"), Cert: cert}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(ca.t, err)
	WriteFile(ca.t, p.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	WriteFile(ca.t, p.CertFile, certPEM(cert))
	return p
}

// Server makes a certificate for this machine's loopback, good for clients and
// peers.
func (ca *CA) Server(name string) Pair {
	ca.t.Helper()
	return ca.Issue(name, Request{CommonName: name, Hosts: []string{"127.0.0.1", "::1", "localhost"}})
}

// Client makes a client's certificate with a common name, which is the user
// when authentication is on.
func (ca *CA) Client(name, commonName string) Pair {
	ca.t.Helper()
	return ca.Issue(name, Request{CommonName: commonName, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// Revoke writes a revocation list of exactly these certificates to
// <name>.crl, in DER, and returns its path.
func (ca *CA) Revoke(name string, revoked ...Pair) string {
	ca.t.Helper()
	ca.crl++
	list := &x509.RevocationList{
		Number:     big.NewInt(ca.crl),
		ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(24 * time.Hour),
	}
	for _, p := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: p.Cert.SerialNumber, RevocationTime: time.Now().Add(-time.Hour),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca.Cert, ca.key)
	require.NoError(ca.t, err)
	path := filepath.Join(ca.dir, name+".crl")
	WriteFile(ca.t, path, der)
	return path
}

// Config is what a client of a server with a certificate of this CA needs;
// with a pair it shows that.
func (ca *CA) Config(client ...Pair) *tls.Config {
	ca.t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AddCert(ca.Cert)
	for _, p := range client {
		cert, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
		require.NoError(ca.t, err)
		c.Certificates = append(c.Certificates, cert)
	}
	return c
}

// sign makes a key and a certificate of it; a nil parent key makes a
// certificate that signs itself.
func sign(t testing.TB, template, parent *x509.Certificate, parentKey crypto.Signer) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// WriteFile replaces a file in one step.
func WriteFile(t testing.TB, path string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", data, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

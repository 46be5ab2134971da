package tlsconfig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/petcd/petcd/server/config"
)

// SelfSigned returns the certificate in dir, cert.pem and key.pem, and makes
// it when it is not there: good for these hosts ("name:port") and years. All
// rules about certificates of others are dropped, as in etcd: nobody vouches
// for anybody.
func SelfSigned(dir string, hosts []string, years uint, logger *slog.Logger) (config.TLS, error) {
	if years == 0 {
		return config.TLS{}, errors.New("selfSignedCertValidity is invalid,it should be greater than 0")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return config.TLS{}, fmt.Errorf("tlsconfig: make a folder for the certificate: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return config.TLS{}, fmt.Errorf("tlsconfig: folder of the certificate: %w", err)
	}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	files := config.TLS{CertFile: cert, KeyFile: key, ClientCertFile: cert, ClientKeyFile: key}
	if exists(cert) && exists(key) {
		return files, nil
	}
	template, err := selfTemplate(hosts, years)
	if err != nil {
		return config.TLS{}, err
	}
	logger.Warn("automatically generate certificates", "certificate-validity-bound-not-after", template.NotAfter)
	if err := writeSelfSigned(template, cert, key); err != nil {
		return config.TLS{}, err
	}
	logger.Info("created cert file", "path", cert)
	logger.Info("created key file", "path", key)
	return files, nil
}

// selfTemplate is what the certificate says. It serves both ends: members show
// it to each other.
func selfTemplate(hosts []string, years uint) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, fmt.Errorf("tlsconfig: make a serial number: %w", err)
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"etcd"}},
		NotBefore:    now, NotAfter: now.AddDate(0, 0, 365*int(min(years, 1000))),
		KeyUsage:              x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	for _, host := range hosts {
		name, _, err := net.SplitHostPort(host)
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else if err == nil && name != "" {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c, nil
}

// writeSelfSigned makes a key and writes both files, the key first: while the
// certificate is missing the next start makes both again.
func writeSelfSigned(template *x509.Certificate, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("tlsconfig: make a key: %w", err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("tlsconfig: make a certificate: %w", err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("tlsconfig: encode a key: %w", err)
	}
	for _, f := range []struct {
		path, kind string
		der        []byte
	}{{keyFile, "EC PRIVATE KEY", keyDER}, {certFile, "CERTIFICATE", cert}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			return fmt.Errorf("tlsconfig: write %s: %w", f.path, err)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

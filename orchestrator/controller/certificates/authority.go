package certificates

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/utils/clock"
)

const (
	// backdate is how much earlier than now a certificate is good, for clocks that are behind.
	backdate = 5 * time.Minute
	// short is a life of which backdate would be too large a part.
	short = 8 * time.Hour
	// shortest is the least that is signed for: less leaves no time to renew.
	shortest = 10 * time.Minute
)

// Authority is a certificate and a key that sign others.
type Authority struct {
	cert     *x509.Certificate
	key      crypto.Signer
	longest  time.Duration
	serialOf func() (*big.Int, error)
}

// LoadAuthority reads an authority's files. What it signs lives for longest unless less is asked for.
func LoadAuthority(certFile, keyFile string, longest time.Duration) (*Authority, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificates: authority: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("certificates: authority: %s: the key cannot sign", keyFile)
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("certificates: authority: %s: %w", certFile, err)
	}
	if !cert.IsCA {
		return nil, fmt.Errorf("certificates: authority: %s: not an authority's certificate", certFile)
	}
	return &Authority{cert: cert, key: key, longest: longest, serialOf: serial}, nil
}

// serial draws a number that no other certificate has.
func serial() (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) }

// sign makes the certificate that a request asks for, in PEM.
func (a *Authority) sign(asked *x509.CertificateRequest, spec *certificatesv1.CertificateSigningRequestSpec, c clock.PassiveClock) ([]byte, error) {
	usage, extended, err := keyUsages(spec.Usages)
	if err != nil {
		return nil, err
	}
	number, err := a.serialOf()
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	from, to, err := a.life(spec.ExpirationSeconds, c.Now())
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: number, Subject: asked.Subject, NotBefore: from, NotAfter: to,
		DNSNames: asked.DNSNames, IPAddresses: asked.IPAddresses, EmailAddresses: asked.EmailAddresses, URIs: asked.URIs,
		KeyUsage: usage, ExtKeyUsage: extended, BasicConstraintsValid: true,
	}, a.cert, asked.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// life is from when to when a certificate is good.
func (a *Authority) life(seconds *int32, now time.Time) (from, to time.Time, err error) {
	d := a.longest
	if seconds != nil {
		d = min(d, max(shortest, time.Duration(*seconds)*time.Second))
	}
	from, to = now.Add(-backdate), now.Add(d)
	if d >= short {
		to = to.Add(-backdate)
	}
	if to.After(a.cert.NotAfter) {
		to = a.cert.NotAfter
	}
	if !to.After(now) {
		return from, to, errors.New("refusing to sign a certificate that expired in the past")
	}
	return from, to, nil
}

// keyUsages turns the API's usages into those of certificates.
func keyUsages(usages []certificatesv1.KeyUsage) (usage x509.KeyUsage, extended []x509.ExtKeyUsage, err error) {
	plain := map[certificatesv1.KeyUsage]x509.KeyUsage{
		certificatesv1.UsageSigning: x509.KeyUsageDigitalSignature, certificatesv1.UsageDigitalSignature: x509.KeyUsageDigitalSignature,
		certificatesv1.UsageContentCommitment: x509.KeyUsageContentCommitment, certificatesv1.UsageKeyEncipherment: x509.KeyUsageKeyEncipherment,
		certificatesv1.UsageKeyAgreement: x509.KeyUsageKeyAgreement, certificatesv1.UsageDataEncipherment: x509.KeyUsageDataEncipherment,
		certificatesv1.UsageCertSign: x509.KeyUsageCertSign, certificatesv1.UsageCRLSign: x509.KeyUsageCRLSign,
		certificatesv1.UsageEncipherOnly: x509.KeyUsageEncipherOnly, certificatesv1.UsageDecipherOnly: x509.KeyUsageDecipherOnly,
	}
	special := map[certificatesv1.KeyUsage]x509.ExtKeyUsage{
		certificatesv1.UsageAny: x509.ExtKeyUsageAny, certificatesv1.UsageServerAuth: x509.ExtKeyUsageServerAuth,
		certificatesv1.UsageClientAuth: x509.ExtKeyUsageClientAuth, certificatesv1.UsageCodeSigning: x509.ExtKeyUsageCodeSigning,
		certificatesv1.UsageEmailProtection: x509.ExtKeyUsageEmailProtection, certificatesv1.UsageSMIME: x509.ExtKeyUsageEmailProtection,
		certificatesv1.UsageIPsecEndSystem: x509.ExtKeyUsageIPSECEndSystem, certificatesv1.UsageIPsecTunnel: x509.ExtKeyUsageIPSECTunnel,
		certificatesv1.UsageIPsecUser: x509.ExtKeyUsageIPSECUser, certificatesv1.UsageTimestamping: x509.ExtKeyUsageTimeStamping,
		certificatesv1.UsageOCSPSigning: x509.ExtKeyUsageOCSPSigning, certificatesv1.UsageMicrosoftSGC: x509.ExtKeyUsageMicrosoftServerGatedCrypto,
		certificatesv1.UsageNetscapeSGC: x509.ExtKeyUsageNetscapeServerGatedCrypto,
	}
	for _, u := range usages {
		bit, isPlain := plain[u]
		ext, isSpecial := special[u]
		switch {
		case isPlain:
			usage |= bit
		case isSpecial:
			extended = append(extended, ext)
		default:
			return 0, nil, fmt.Errorf("unrecognized usage %q", u)
		}
	}
	return usage, extended, nil
}

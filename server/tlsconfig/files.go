package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// parsePair makes a certificate of a PEM file with it and one with its key.
func parsePair(contents [][]byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	return &pair, err
}

// parsePool makes a CA bundle of a PEM file. One without any certificate
// would refuse everybody.
func parsePool(contents [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	found := false
	for block, rest := pem.Decode(contents[0]); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(cert)
		found = true
	}
	if !found {
		return nil, errors.New("there is no certificate in PEM form")
	}
	return pool, nil
}

// revocations are the serial numbers of revoked certificates, as bytes. Whose
// certificates they are is not looked at, as in etcd: of two CAs with equal
// numbers both are refused.
type revocations map[string]struct{}

// parseRevocations reads a revocation list in DER, or in PEM, which etcd does
// not read. Its signature is not checked: the file is trusted as the others.
func parseRevocations(contents [][]byte) (revocations, error) {
	der := contents[0]
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	revoked := make(revocations, len(list.RevokedCertificateEntries))
	for _, e := range list.RevokedCertificateEntries {
		revoked[string(e.SerialNumber.Bytes())] = struct{}{}
	}
	return revoked, nil
}

// check refuses a chain with a revoked certificate in it.
func (r revocations) check(certs []*x509.Certificate) error {
	for _, c := range certs {
		if _, ok := r[string(c.SerialNumber.Bytes())]; ok {
			return fmt.Errorf("%w: serial number %x", ErrRevoked, c.SerialNumber)
		}
	}
	return nil
}

package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Hash pins an authority: the digest of its public key, as --discovery-token-ca-cert-hash takes it.
func Hash(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// CheckHashes refuses certificates of which none is pinned.
func CheckHashes(certs []*x509.Certificate, pinned []string) error {
	for _, p := range pinned {
		if !strings.HasPrefix(p, "sha256:") || len(p) != len("sha256:")+2*sha256.Size {
			return fmt.Errorf("pki: %q is no hash of an authority: sha256:<64 hexadecimal digits> is", p)
		}
	}
	for _, c := range certs {
		if slices.Contains(pinned, strings.ToLower(Hash(c))) {
			return nil
		}
	}
	return fmt.Errorf("pki: none of the public keys of the cluster's authority is pinned: %d certificates, pins %v", len(certs), pinned)
}

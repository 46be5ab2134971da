package serviceaccount

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"k8s.io/client-go/util/keyutil"
)

// PublicKey is a key that verifies tokens, by the ID that their header names.
type PublicKey struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Key       crypto.PublicKey
}

// algorithms returns all that may sign a token. A token that names another is not looked at.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}
}

// NewPublicKey takes an RSA or ECDSA public key, or the public half of a private one.
func NewPublicKey(key any) (PublicKey, error) {
	if private, ok := key.(crypto.Signer); ok {
		key = private.Public()
	}
	var algorithm jose.SignatureAlgorithm
	switch k := key.(type) {
	case *rsa.PublicKey:
		algorithm = jose.RS256
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			algorithm = jose.ES256
		case elliptic.P384():
			algorithm = jose.ES384
		case elliptic.P521():
			algorithm = jose.ES512
		default:
			return PublicKey{}, fmt.Errorf("unknown ecdsa curve, must be 256, 384, or 521 bits")
		}
	default:
		return PublicKey{}, fmt.Errorf("unknown key type %T, must be *rsa.PublicKey or *ecdsa.PublicKey", key)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, fmt.Errorf("serialize public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return PublicKey{ID: base64.RawURLEncoding.EncodeToString(sum[:]), Algorithm: algorithm, Key: key}, nil
}

// ReadPublicKeys reads PEM files, each of which may hold several public or private keys. The same key twice counts once.
func ReadPublicKeys(files ...string) ([]PublicKey, error) {
	var keys []PublicKey
	seen := map[string]bool{}
	for _, file := range files {
		read, err := keyutil.PublicKeysFromFile(file)
		if err != nil {
			return nil, fmt.Errorf("service account key file: %w", err)
		}
		for _, k := range read {
			key, err := NewPublicKey(k)
			if err != nil {
				return nil, fmt.Errorf("service account key file %s: %w", file, err)
			}
			if !seen[key.ID] {
				seen[key.ID] = true
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}

// ReadPrivateKey reads the key that an Issuer signs with from a PEM file.
func ReadPrivateKey(file string) (crypto.Signer, error) {
	key, err := keyutil.PrivateKeyFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("service account signing key file: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("service account signing key file %s: a %T cannot sign", file, key)
	}
	return signer, nil
}

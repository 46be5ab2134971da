package auth

import (
	"crypto"
	"errors"
	"fmt"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

// Options of --auth-token=jwt.
const (
	optionMethod     = "sign-method"
	optionPublicKey  = "pub-key"
	optionPrivateKey = "priv-key"
	optionTTL        = "ttl"
)

// Errors of keys, all of them beside ErrBadOptions.
var (
	errMissingKey  = errors.New("auth: missing key data")
	errKeyMismatch = errors.New("auth: public and private keys don't match")
	errBadMethod   = errors.New("auth: invalid auth signature method")
)

// jwtKeys are how JWTs are signed and verified. sign is nil when there is only the public half.
type jwtKeys struct {
	method       jwt.SigningMethod
	sign, verify any
}

// loadJWTKeys reads the method and the files that the options name.
func loadJWTKeys(options map[string]string) (jwtKeys, error) {
	k := jwtKeys{method: jwt.GetSigningMethod(options[optionMethod])}
	public, err := readOption(options[optionPublicKey])
	if err != nil {
		return k, err
	}
	private, err := readOption(options[optionPrivateKey])
	if err != nil {
		return k, err
	}
	switch k.method.(type) {
	case *jwt.SigningMethodHMAC:
		if len(private) == 0 {
			return k, fmt.Errorf("%w: %w", ErrBadOptions, errMissingKey)
		}
		k.sign, k.verify = private, private
		return k, nil
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		return k.pair(public, private, parsed(jwt.ParseRSAPublicKeyFromPEM), parsed(jwt.ParseRSAPrivateKeyFromPEM))
	case *jwt.SigningMethodECDSA:
		return k.pair(public, private, parsed(jwt.ParseECPublicKeyFromPEM), parsed(jwt.ParseECPrivateKeyFromPEM))
	case *jwt.SigningMethodEd25519:
		return k.pair(public, private, parsed(jwt.ParseEdPublicKeyFromPEM), parsed(jwt.ParseEdPrivateKeyFromPEM))
	}
	// "none" among them: what is not signed proves nothing.
	return k, fmt.Errorf("%w: %w: %q", ErrBadOptions, errBadMethod, options[optionMethod])
}

// readOption reads the file of an option; nil when it is not given.
func readOption(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadOptions, err)
	}
	return b, nil
}

// parsed gives the parsers of all kinds of keys one form.
func parsed[K any](parse func([]byte) (K, error)) func([]byte) (any, error) {
	return func(pem []byte) (any, error) { return parse(pem) }
}

// pair completes k by a private key, a public one, or both if they belong together.
func (k jwtKeys) pair(public, private []byte, parsePublic, parsePrivate func([]byte) (any, error)) (jwtKeys, error) {
	var err error
	if len(public) > 0 {
		if k.verify, err = parsePublic(public); err != nil {
			return k, fmt.Errorf("%w: public key: %w", ErrBadOptions, err)
		}
	}
	if len(private) > 0 {
		if k.sign, err = parsePrivate(private); err != nil {
			return k, fmt.Errorf("%w: private key: %w", ErrBadOptions, err)
		}
		signer, ok := k.sign.(crypto.Signer)
		if !ok {
			return k, fmt.Errorf("%w: private key: %w", ErrBadOptions, errBadMethod)
		}
		given, comparable := k.verify.(interface{ Equal(crypto.PublicKey) bool })
		if k.verify != nil && (!comparable || !given.Equal(signer.Public())) {
			return k, fmt.Errorf("%w: %w", ErrBadOptions, errKeyMismatch)
		}
		k.verify = signer.Public()
	}
	if k.verify == nil {
		return k, fmt.Errorf("%w: %w", ErrBadOptions, errMissingKey)
	}
	return k, nil
}

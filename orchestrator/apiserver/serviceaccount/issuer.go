package serviceaccount

import (
	"crypto"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Issuer signs tokens in its name.
type Issuer struct {
	name   string
	signer jose.Signer
}

// NewIssuer returns an issuer that signs with a private key, RSA or ECDSA.
func NewIssuer(name string, key crypto.Signer) (*Issuer, error) {
	if err := ValidIssuer(name); err != nil {
		return nil, err
	}
	public, err := NewPublicKey(key)
	if err != nil {
		return nil, err
	}
	// A JSON web key and not the bare one: so the header names the key.
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: public.Algorithm,
		Key:       jose.JSONWebKey{Key: key, KeyID: public.ID, Algorithm: string(public.Algorithm), Use: "sig"},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("service account signer: %w", err)
	}
	return &Issuer{name: name, signer: signer}, nil
}

// ValidIssuer tells what is wrong with the name of an issuer.
func ValidIssuer(name string) error {
	if name == "" {
		return errors.New("service-account-issuer contained an empty string")
	}
	if strings.Contains(name, ":") { // by its standard, an issuer that has a colon is a URL
		if _, err := url.Parse(name); err != nil {
			return fmt.Errorf("service-account-issuer %q contained a ':' but was not a valid URL: %w", name, err)
		}
	}
	return nil
}

// Name is what the tokens have as their issuer.
func (i *Issuer) Name() string { return i.name }

// Sign returns the token that says c.
func (i *Issuer) Sign(c *Claims) (string, error) {
	said := *c
	said.Issuer = i.name
	builder := jwt.Signed(i.signer).Claims(&said)
	if len(said.Audience) > 0 { // always as a list, which the library makes only of more than one
		builder = builder.Claims(map[string]any{"aud": []string(said.Audience)})
	}
	token, err := builder.Serialize()
	if err != nil {
		return "", fmt.Errorf("sign service account token: %w", err)
	}
	return token, nil
}

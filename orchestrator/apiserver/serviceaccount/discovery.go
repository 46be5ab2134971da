package serviceaccount

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

const (
	// ConfigurationPath is where OpenID Connect looks for what an issuer offers.
	ConfigurationPath = "/.well-known/openid-configuration"

	// KeysPath is where the apiserver shows the keys that verify its tokens.
	KeysPath = "/openid/v1/jwks"
)

// Discovery is the two documents by which others verify bound tokens without asking the apiserver.
type Discovery struct {
	configuration, keys []byte
}

// NewDiscovery makes the documents. keysURI is where others find KeysPath. OpenID Connect wants issuers to be https URLs.
func NewDiscovery(issuer, keysURI string, keys []PublicKey) (*Discovery, error) {
	for _, u := range []string{issuer, keysURI} {
		parsed, err := url.Parse(u)
		if err != nil {
			return nil, fmt.Errorf("issuer discovery: %w", err)
		}
		if parsed.Scheme != "https" || parsed.Host == "" {
			return nil, fmt.Errorf("issuer discovery: %q is no https URL", u)
		}
	}
	var set jose.JSONWebKeySet
	var names []string
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Key, KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
		names = append(names, string(k.Algorithm))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("issuer discovery: no keys")
	}
	slices.Sort(names)
	configuration, err := json.Marshal(struct {
		Issuer        string   `json:"issuer"`
		KeysURI       string   `json:"jwks_uri"`
		ResponseTypes []string `json:"response_types_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	}{issuer, keysURI, []string{"id_token"}, []string{"public"}, slices.Compact(names)})
	if err != nil {
		return nil, fmt.Errorf("issuer discovery: %w", err)
	}
	document, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("issuer discovery: %w", err)
	}
	return &Discovery{configuration: configuration, keys: document}, nil
}

// Install serves both documents at their paths.
func (d *Discovery) Install(mux interface {
	Handle(path string, h http.Handler)
}) {
	mux.Handle(ConfigurationPath, serve("application/json", d.configuration))
	mux.Handle(KeysPath, serve("application/jwk-set+json", d.keys))
}

func serve(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(body) // a client that hangs up misses the rest
	})
}

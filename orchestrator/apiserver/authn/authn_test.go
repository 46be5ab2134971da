package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// authority signs client certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber, template.NotBefore = big.NewInt(1), time.Now().Add(-time.Minute)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert, key
}

func (a *authority) client(name string, groups ...string) *x509.Certificate {
	cert, _ := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: groups}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return cert
}

func (a *authority) content() dynamiccertificates.CAContentProvider {
	c, err := dynamiccertificates.NewStaticCAContent(a.cert.Subject.CommonName, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
	require.NoError(a.t, err)
	return c
}

// accounts knows one token, and finds another wrong.
func accounts(_ context.Context, token string) (*authenticator.Response, bool, error) {
	switch token {
	case "sa":
		return &authenticator.Response{User: &user.DefaultInfo{Name: "system:serviceaccount:ns:robot"}, Audiences: authenticator.Audiences{"api"}}, true, nil
	case "expired":
		return nil, false, errors.New("service account token has expired")
	}
	return nil, false, nil
}

func bootstrapTokens(_ context.Context, token string) (*authenticator.Response, bool, error) {
	if token == "abcdef.0123456789abcdef" {
		return &authenticator.Response{User: &user.DefaultInfo{Name: "system:bootstrap:abcdef", Groups: []string{"system:bootstrappers"}}}, true, nil
	}
	return nil, false, nil
}

func TestWhoSendsARequest(t *testing.T) {
	clients, proxies, strangers := newAuthority(t, "clients"), newAuthority(t, "proxies"), newAuthority(t, "strangers")
	file := filepath.Join(t.TempDir(), "tokens.csv")
	require.NoError(t, os.WriteFile(file, []byte("secret,alice,42,\"dev,ops\"\n"), 0o600))
	names := func(s ...string) headerrequest.StringSliceProvider { return headerrequest.StaticStringSlice(s) }
	options := Options{
		ClientCA: clients.content(), TokenFile: file, Audiences: authenticator.Audiences{"api"}, Anonymous: true, CacheTTL: DefaultCacheTTL,
		ServiceAccounts: authenticator.TokenFunc(accounts), BootstrapTokens: authenticator.TokenFunc(bootstrapTokens),
		RequestHeader: &authenticatorfactory.RequestHeaderConfig{
			CAContentProvider: proxies.content(), AllowedClientNames: names("front-proxy"),
			UsernameHeaders: names("X-Remote-User"), UIDHeaders: names("X-Remote-Uid"), GroupHeaders: names("X-Remote-Group"), ExtraHeaderPrefixes: names("X-Remote-Extra-"),
		},
	}
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	remote := http.Header{"X-Remote-User": {"carol"}, "X-Remote-Group": {"qa"}}
	expired, _ := clients.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "old"}, NotAfter: time.Now().Add(-time.Second), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	server, _ := clients.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "server"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	const refused = "refused"
	tests := []struct {
		name   string
		cert   *x509.Certificate
		header http.Header
		user   string
		groups []string
	}{
		{"nothing", nil, nil, "system:anonymous", []string{"system:unauthenticated"}},
		{"certificate", clients.client("bob", "dev"), nil, "bob", []string{"dev", "system:authenticated"}},
		{"stranger's certificate", strangers.client("bob", "system:masters"), nil, refused, nil},
		{"expired certificate", expired, nil, refused, nil},
		{"certificate of a server", server, nil, refused, nil},
		{"token of the file", nil, bearer("secret"), "alice", []string{"dev", "ops", "system:authenticated"}},
		{"token of an account", nil, bearer("sa"), "system:serviceaccount:ns:robot", []string{"system:authenticated"}},
		{"token of a machine", nil, bearer("abcdef.0123456789abcdef"), "system:bootstrap:abcdef", []string{"system:bootstrappers", "system:authenticated"}},
		{"unknown token", nil, bearer("guess"), refused, nil},
		{"expired token", nil, bearer("expired"), refused, nil},
		{"token in a web socket", nil, http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Protocol": {"base64url.bearer.authorization.k8s.io.c2VjcmV0,v4.channel.k8s.io"},
		}, "alice", []string{"dev", "ops", "system:authenticated"}},
		{"front proxy", proxies.client("front-proxy"), remote, "carol", []string{"qa", "system:authenticated"}},
		{"headers without a certificate", nil, remote, "system:anonymous", []string{"system:unauthenticated"}},
		{"another certificate of the proxies' authority", proxies.client("other"), remote, refused, nil},
		{"headers beside a client's certificate", clients.client("bob"), remote, "bob", []string{"system:authenticated"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := New(options)
			require.NoError(t, err)
			strict := options
			strict.Anonymous = false
			b, err := New(strict)
			require.NoError(t, err)
			ask := func(a authenticator.Request) (*authenticator.Response, bool, error) {
				req := httptest.NewRequest(http.MethodGet, "/api", nil)
				req = req.WithContext(authenticator.WithAudiences(req.Context(), authenticator.Audiences{"api"}))
				for k, v := range tt.header {
					req.Header[k] = append([]string(nil), v...)
				}
				if tt.cert != nil {
					req.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{tt.cert}}
				}
				return a.AuthenticateRequest(req)
			}
			resp, ok, err := ask(a)
			if tt.user == refused {
				require.Error(t, err)
				require.False(t, ok)
				return
			}
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, tt.user, resp.User.GetName())
			require.Equal(t, tt.groups, resp.User.GetGroups())
			_, ok, err = ask(b)
			require.NoError(t, err)
			require.Equal(t, tt.user != "system:anonymous", ok, "without anonymous requests")
		})
	}
}

func TestGoodTokensAreRememberedAndBadOnesAreNot(t *testing.T) {
	asked := 0
	a, err := New(Options{CacheTTL: time.Hour, ServiceAccounts: authenticator.TokenFunc(
		func(ctx context.Context, token string) (*authenticator.Response, bool, error) {
			asked++
			return accounts(ctx, token)
		})})
	require.NoError(t, err)
	ask := func(token string) {
		req := httptest.NewRequest(http.MethodGet, "/api", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		_, _, _ = a.AuthenticateRequest(req)
	}
	ask("sa")
	ask("sa")
	require.Equal(t, 1, asked)
	ask("expired")
	ask("expired")
	require.Equal(t, 3, asked)
}

func TestOptionsThatLetNobodyInAreRefused(t *testing.T) {
	_, err := New(Options{})
	require.ErrorContains(t, err, "no way is configured")
	_, err = New(Options{TokenFile: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
	a, err := New(Options{Anonymous: true})
	require.NoError(t, err)
	resp, ok, err := a.AuthenticateRequest(httptest.NewRequest(http.MethodGet, "/api", nil))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "system:anonymous", resp.User.GetName())
}

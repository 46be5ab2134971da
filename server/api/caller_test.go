package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/server/config"
)

// withCertificate is the context of a call over a connection with a client's certificate.
func withCertificate(ctx context.Context, name string, verified bool, md ...string) context.Context {
	info := credentials.TLSInfo{}
	if cert := (&x509.Certificate{Subject: pkix.Name{CommonName: name}}); verified {
		info.State = tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert}}}
	} else {
		info.State = tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	}
	ctx = peer.NewContext(ctx, &peer.Peer{AuthInfo: info})
	return metadata.NewIncomingContext(ctx, metadata.Pairs(md...))
}

func TestCallerOfACertificate(t *testing.T) {
	h := serve(t, func(c *config.Config) { c.ClientTLS.ClientCertAuth = true })
	ctx := t.Context()
	c, err := h.server.caller(withCertificate(ctx, "ann", true))
	require.NoError(t, err)
	require.Zero(t, c, "while authentication is off")
	enableAuth(t, h)
	now := h.users.View().Revision()
	for name, tc := range map[string]struct {
		ctx  context.Context
		want auth.Caller
	}{
		"verified":          {withCertificate(ctx, "ann", true), auth.Caller{Name: "ann", Revision: now}},
		"not verified":      {withCertificate(ctx, "ann", false), auth.Caller{}},
		"through a gateway": {withCertificate(ctx, "root", true, "grpcgateway-accept", "*/*"), auth.Caller{}}, // CVE-2018-16886
		"no TLS":            {peer.NewContext(ctx, &peer.Peer{}), auth.Caller{}},
		"no peer":           {ctx, auth.Caller{}},
	} {
		c, err := h.server.caller(tc.ctx)
		require.NoError(t, err, name)
		require.Equal(t, tc.want, c, name)
	}
	_, err = h.server.caller(withCertificate(ctx, "root", true, "token", "unknown"))
	require.ErrorIs(t, err, auth.ErrInvalidToken, "a token comes before the certificate")
	h.server.certificateUsers = false
	c, err = h.server.caller(withCertificate(ctx, "ann", true))
	require.NoError(t, err)
	require.Zero(t, c, "without --client-cert-auth")
}

// Enabling raises no revision, but who was let in before it is asked for again.
func TestLetInBeforeEnabling(t *testing.T) {
	h := serve(t, nil)
	ctx, au := t.Context(), pb.NewAuthClient(h.conn)
	enableAuth(t, h)
	_, err := au.AuthDisable(h.as(t, "root", "rootpw"), &pb.AuthDisableRequest{})
	require.NoError(t, err)
	anybody := func(*auth.View, auth.Caller) error { return nil }
	passed, err := h.server.allowed(ctx, anybody)
	require.NoError(t, err)
	require.True(t, h.server.unchanged(passed))
	read := reads([]byte("k"), nil)
	_, err = permitted(ctx, h.server, read, func(v *auth.View, _ auth.Caller) (bool, error) {
		if !v.Enabled() {
			_, err := au.AuthEnable(ctx, &pb.AuthEnableRequest{})
			require.NoError(t, err)
		}
		return true, nil
	})
	require.ErrorIs(t, err, auth.ErrUserEmpty)
	require.False(t, h.server.unchanged(passed))
}

func TestTokenOfACall(t *testing.T) {
	for name, tc := range map[string]struct {
		md    []string
		want  string
		shown bool
	}{
		"token":         {[]string{"token", "a.1"}, "a.1", true},
		"bearer":        {[]string{"authorization", "Bearer a.1"}, "a.1", true},
		"without":       {[]string{"authorization", "a.1"}, "a.1", true},
		"both":          {[]string{"authorization", "b.1", "token", "a.1"}, "a.1", true},
		"empty":         {[]string{"token", ""}, "", true},
		"something yet": {[]string{"x", "y"}, "", false},
	} {
		token, shown := shownToken(metadata.NewIncomingContext(t.Context(), metadata.Pairs(tc.md...)))
		require.Equal(t, tc.want, token, name)
		require.Equal(t, tc.shown, shown, name)
	}
}

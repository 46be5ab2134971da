package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

func TestSimpleTokensEndWithTheirUser(t *testing.T) {
	for name, end := range map[string]func(*Store, tables) error{
		"password": func(s *Store, w tables) error {
			return s.UserChangePassword(w, &pb.AuthUserChangePasswordRequest{Name: "ann", HashedPassword: encoded("y")})
		},
		"removal":  func(s *Store, w tables) error { return s.UserDelete(w, &pb.AuthUserDeleteRequest{Name: "ann"}) },
		"off":      func(s *Store, w tables) error { return s.Disable(w) },
		"snapshot": func(s *Store, w tables) error { return s.Load(w) },
	} {
		t.Run(name, func(t *testing.T) {
			s, w := realm(t, "simple")
			token := s.Admit("ann", s.TokenPrefix(), 7)
			require.Regexp(t, `^[a-zA-Z]{16}\.7$`, token)
			c, err := s.CallerOf(t.Context(), token)
			require.NoError(t, err)
			require.Equal(t, Caller{"ann", s.View().Revision()}, c)
			require.NoError(t, end(s, w))
			s.Publish()
			_, err = s.CallerOf(t.Context(), token)
			require.ErrorIs(t, err, ErrInvalidToken)
		})
	}
}

func TestSimpleTokenLivesAsLongAsItIsUsed(t *testing.T) {
	const ttl = 64 * time.Second
	at := time.Unix(1000, 0)
	k := &simpleToken{user: "ann"}
	k.expires.Store(at.Add(ttl).UnixNano())
	for range 10 {
		at = at.Add(ttl)
		require.True(t, k.use(at, ttl))
	}
	require.False(t, k.use(at.Add(ttl+1), ttl))
	require.False(t, k.use(at.Add(ttl+2), ttl), "what is over stays over")
}

func TestSimpleTokenWaitsForItsEntry(t *testing.T) {
	applied := make(chan struct{})
	s, err := New(Config{Token: "simple", WaitMax: time.Minute, WaitApplied: func(ctx context.Context, index uint64) error {
		if index != 7 {
			return context.DeadlineExceeded
		}
		select {
		case <-applied:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	require.NoError(t, err)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		s.Admit("ann", "abc", 7)
		close(applied)
	})
	c, err := s.CallerOf(t.Context(), "abc.7")
	require.NoError(t, err)
	require.Equal(t, "ann", c.Name)
	for _, unknown := range []string{"", "abc", "abc.8", "abd.7", "abc.7.7", "abc.-7", "abc.99999999999999999999999", "Bearer abc.7"} {
		_, err := s.CallerOf(t.Context(), unknown)
		require.ErrorIs(t, err, ErrInvalidToken, unknown)
	}
}

// TestTokensAreNotLogged shows a token that is not valid, and one that is.
func TestTokensAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	s, err := New(Config{Token: "simple", Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	require.NoError(t, err)
	_, err = s.CallerOf(t.Context(), "canary.5")
	require.ErrorIs(t, err, ErrInvalidToken)
	token := s.Admit("ann", "canary", 6)
	_, err = s.CallerOf(t.Context(), token)
	require.NoError(t, err)
	require.Contains(t, log.String(), Fingerprint("canary.5"))
	require.NotContains(t, log.String(), "canary")
}

func TestPasswords(t *testing.T) {
	s, w := realm(t, "simple")
	hash, err := s.HashPassword(t.Context(), "secret")
	require.NoError(t, err)
	require.NoError(t, s.UserChangePassword(w, &pb.AuthUserChangePasswordRequest{Name: "ann", HashedPassword: hash}))
	s.Publish()
	for range 2 { // compared, then remembered
		revision, err := s.CheckPassword(t.Context(), "ann", "secret")
		require.NoError(t, err)
		require.Equal(t, s.View().Revision(), revision)
		_, err = s.CheckPassword(t.Context(), "ann", "secrets")
		require.ErrorIs(t, err, ErrLoginFailed)
		_, err = s.CheckPassword(t.Context(), Root, "secret")
		require.ErrorIs(t, err, ErrLoginFailed, "remembered for one user only")
	}
	require.Equal(t, 1, s.passwords.Remembered())
	hash, err = s.HashPassword(t.Context(), "other")
	require.NoError(t, err)
	require.NoError(t, s.UserChangePassword(w, &pb.AuthUserChangePasswordRequest{Name: "ann", HashedPassword: hash}))
	s.Publish()
	_, err = s.CheckPassword(t.Context(), "ann", "secret")
	require.ErrorIs(t, err, ErrLoginFailed, "a password that was remembered and is no longer valid")
	_, err = s.CheckPassword(t.Context(), "nobody", "secret")
	require.ErrorIs(t, err, ErrLoginFailed)
	_, err = s.HashPassword(t.Context(), strings.Repeat("x", 73))
	require.EqualError(t, err, "bcrypt: password length exceeds 72 bytes")
}

// keyFiles writes both halves of a key and returns the files' names.
func keyFiles(t *testing.T, key crypto.Signer) (public, private string) {
	dir := t.TempDir()
	write := func(name, kind string, der []byte, err error) string {
		require.NoError(t, err)
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	public = write("public", "PUBLIC KEY", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(key)
	return public, write("private", "PRIVATE KEY", der, err)
}

func TestJWT(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for method, key := range map[string]crypto.Signer{"RS256": rsaKey, "PS512": rsaKey, "ES256": ecKey, "EdDSA": edKey} {
		t.Run(method, func(t *testing.T) {
			public, private := keyFiles(t, key)
			both, _ := realm(t, "jwt,pub-key="+public+",priv-key="+private+",sign-method="+method+",ttl=1h")
			verifier, _ := realm(t, "jwt,pub-key="+public+",sign-method="+method)
			token, err := both.IssueToken("ann", both.View().Revision())
			require.NoError(t, err)
			for _, s := range []*Store{both, verifier} {
				c, err := s.CallerOf(t.Context(), token)
				require.NoError(t, err)
				require.Equal(t, Caller{"ann", both.View().Revision()}, c)
			}
			_, err = verifier.IssueToken("ann", 1)
			require.ErrorIs(t, err, ErrVerifyOnly)
			requireForgeriesFail(t, verifier, public, token)
		})
	}
}

// requireForgeriesFail shows tokens that nobody with the private key has signed.
func requireForgeriesFail(t *testing.T, s *Store, publicFile, token string) {
	public, err := os.ReadFile(publicFile)
	require.NoError(t, err)
	claims := jwt.MapClaims{"username": Root, "revision": 1, "exp": time.Now().Add(time.Hour).Unix()}
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	confused, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(public)
	require.NoError(t, err)
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	parts[1] = base64.RawURLEncoding.EncodeToString(bytes.ReplaceAll(payload, []byte("ann"), []byte(Root)))
	for name, forged := range map[string]string{"none": none, "public key as secret": confused, "other user": strings.Join(parts, "."), "empty": ""} {
		_, err := s.CallerOf(t.Context(), forged)
		require.ErrorIs(t, err, ErrInvalidToken, name)
	}
}

func TestJWTClaims(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	s, _ := realm(t, "jwt,priv-key="+secret+",sign-method=HS256")
	soon := time.Now().Add(time.Hour).Unix()
	for name, tc := range map[string]struct {
		claims jwt.MapClaims
		ok     bool
	}{
		"good":         {jwt.MapClaims{"username": "ann", "revision": 4, "exp": soon}, true},
		"no end":       {jwt.MapClaims{"username": "ann", "revision": 4}, true},
		"over":         {jwt.MapClaims{"username": "ann", "revision": 4, "exp": time.Now().Add(-time.Hour).Unix()}, false},
		"no user":      {jwt.MapClaims{"revision": 4, "exp": soon}, false},
		"user is 1":    {jwt.MapClaims{"username": 1, "revision": 4, "exp": soon}, false},
		"no revision":  {jwt.MapClaims{"username": "ann", "exp": soon}, false},
		"text":         {jwt.MapClaims{"username": "ann", "revision": "4", "exp": soon}, false},
		"below 0":      {jwt.MapClaims{"username": "ann", "revision": -4, "exp": soon}, false},
		"out of range": {jwt.MapClaims{"username": "ann", "revision": 1e30, "exp": soon}, false},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, tc.claims).SignedString([]byte("secret"))
			require.NoError(t, err)
			_, err = s.CallerOf(t.Context(), token)
			require.Equal(t, tc.ok, err == nil, "%v", err)
		})
	}
}

func TestTokenOptions(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, private := keyFiles(t, key)
	otherPublic, _ := keyFiles(t, func() crypto.Signer {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return k
	}())
	for _, bad := range []string{
		"paper", "simple,ttl", "jwt", "jwt,sign-method=none,priv-key=" + private, "jwt,sign-method=ES256", "jwt,sign-method=XX,priv-key=" + private,
		"jwt,sign-method=ES256,sign-method=ES256", "jwt,sign-method=RS256,priv-key=" + private, "jwt,sign-method=ES256,priv-key=/no/such/file",
		"jwt,sign-method=ES256,priv-key=" + private + ",pub-key=" + otherPublic, "jwt,sign-method=ES256,ttl=x,priv-key=" + private, "jwt,sign-method=HS256,pub-key=" + public,
	} {
		_, err := New(Config{Token: bad})
		require.ErrorIs(t, err, ErrBadOptions, bad)
	}
	for _, good := range []string{"", "simple", "simple,x=y", "jwt,sign-method=ES256,color=blue,priv-key=" + private} {
		_, err := New(Config{Token: good})
		require.NoError(t, err, good)
	}
}

// FuzzToken shows any text as a token.
func FuzzToken(f *testing.F) {
	simple := newStore(f, "simple")
	f.Add(simple.Admit("ann", "abc", 7))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	secret := filepath.Join(f.TempDir(), "secret")
	require.NoError(f, os.WriteFile(secret, []byte("secret"), 0o600))
	signed := newStore(f, "jwt,priv-key="+secret+",sign-method=HS256")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := simple.CallerOf(t.Context(), token)
		require.True(t, err != nil || token == "abc.7")
		_, err = signed.CallerOf(t.Context(), token)
		require.Error(t, err)
	})
}

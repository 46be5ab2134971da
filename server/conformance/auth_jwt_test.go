package conformance

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/petcd/petcd/server/process"
)

// signer makes tokens as the server with its key does. It is written out here,
// so that a mistake of a library is not shared by server and test.
type signer struct {
	method             string // as --auth-token names it
	private, public    string // files; an HMAC has no public one
	key                crypto.Signer
	secret, publicText []byte
}

// newSigner makes a key for a method and writes it to files.
func newSigner(t *testing.T, method string) *signer {
	t.Helper()
	s := &signer{method: method}
	dir := t.TempDir()
	s.private = filepath.Join(dir, "private")
	var err error
	switch method {
	case "ES256":
		s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256", "PS256":
		s.key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA":
		_, s.key, err = ed25519.GenerateKey(rand.Reader)
	case "HS256":
		s.secret = []byte("a secret of the conformance test")
		require.NoError(t, os.WriteFile(s.private, s.secret, 0o600))
		return s
	}
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	der, err = x509.MarshalPKIXPublicKey(s.key.Public())
	require.NoError(t, err)
	s.public = filepath.Join(dir, "public")
	s.publicText = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	require.NoError(t, os.WriteFile(s.public, s.publicText, 0o600))
	return s
}

// flag is --auth-token with both keys.
func (s *signer) flag(extra ...string) string {
	parts := []string{"--auth-token=jwt", "sign-method=" + s.method, "priv-key=" + s.private}
	if s.public != "" {
		parts = append(parts, "pub-key="+s.public)
	}
	return strings.Join(append(parts, extra...), ",")
}

// claims are what a token says.
type claims map[string]any

// fresh are the claims of a token that ends in a minute.
func fresh(user string, revision uint64) claims {
	return claims{"username": user, "revision": revision, "exp": time.Now().Add(time.Minute).Unix()}
}

// sign makes a token of these claims.
func (s *signer) sign(t *testing.T, c claims) string {
	t.Helper()
	text := jwtText(t, s.method, c)
	sum := sha256.Sum256([]byte(text))
	var sig []byte
	var err error
	switch s.method {
	case "ES256":
		key := s.key.(*ecdsa.PrivateKey)
		a, b, signErr := ecdsa.Sign(rand.Reader, key, sum[:])
		sig, err = append(a.FillBytes(make([]byte, 32)), b.FillBytes(make([]byte, 32))...), signErr
	case "RS256":
		sig, err = s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	case "PS256":
		sig, err = s.key.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case "EdDSA":
		sig, err = s.key.Sign(nil, []byte(text), crypto.Hash(0))
	case "HS256":
		sig = hmacOf(s.secret, text)
	}
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// jwtText is a token without its signature.
func jwtText(t *testing.T, method string, c claims) string {
	t.Helper()
	body, err := json.Marshal(c)
	require.NoError(t, err)
	head := fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, method)
	return base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(body)
}

func hmacOf(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// revision is the auth store's, which every token carries.
func (r *realm) revision(t *testing.T) uint64 {
	t.Helper()
	resp, err := r.auth.AuthStatus(r.ctx, &pb.AuthStatusRequest{})
	require.NoError(t, err)
	return resp.AuthRevision
}

// TestAuthJWT: servers whose tokens are signed.
func TestAuthJWT(t *testing.T) {
	for _, tg := range targets(t) {
		t.Run(tg.name, func(t *testing.T) {
			if !tg.has(authStatus) {
				t.Skip("etcd " + tg.name + " says no auth revision")
			}
			t.Parallel()
			for _, method := range []string{"ES256", "RS256", "PS256", "EdDSA", "HS256"} {
				t.Run(method, func(t *testing.T) {
					t.Parallel()
					s := newSigner(t, method)
					jwtCases(t, startRealm(t, tg, append([]string{s.flag()}, authFlags...)...), s)
				})
			}
			t.Run("verify_only", func(t *testing.T) {
				t.Parallel()
				s := newSigner(t, "ES256")
				jwtVerifyOnly(t, startRealm(t, tg, append([]string{"--auth-token=jwt,sign-method=ES256,pub-key=" + s.public}, authFlags...)...), s)
			})
			t.Run("ttl", func(t *testing.T) {
				t.Parallel()
				s := newSigner(t, "ES256")
				jwtTTL(t, startRealm(t, tg, append([]string{s.flag("ttl=1s")}, authFlags...)...))
			})
			t.Run("flags", func(t *testing.T) {
				t.Parallel()
				jwtFlags(t, tg)
			})
		})
	}
}

// startRealm starts a server with root and, unless its tokens cannot be made,
// authentication turned on by the caller.
func startRealm(t *testing.T, tg target, flags ...string) *realm {
	t.Helper()
	srv := startServer(t, tg, 1, flags...)
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	t.Cleanup(cancel)
	r := realmOf(&env{server: srv, ctx: ctx})
	r.addRoot(t)
	return r
}

func jwtCases(t *testing.T, r *realm, s *signer) {
	r.addUser(t, "user")
	r.addRole(t, "user", canBoth("k", ""))
	r.grantRole(t, "user", "user")
	r.enable(t)
	invalid := rpctypes.ErrGRPCInvalidAuthToken
	old := rpctypes.ErrGRPCAuthOldRevision
	read := func(token string) error {
		_, err := r.kv.Range(r.as(token), &pb.RangeRequest{Key: []byte("k")})
		return err
	}
	write := func(token string) error {
		_, err := r.kv.Put(r.as(token), &pb.PutRequest{Key: []byte("k")})
		return err
	}
	t.Run("made_by_the_server", func(t *testing.T) {
		token := r.token(t, "user", "user")
		parts := strings.Split(token, ".")
		require.Len(t, parts, 3)
		body, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		got := claims{}
		require.NoError(t, json.Unmarshal(body, &got))
		require.Equal(t, "user", got["username"])
		require.EqualValues(t, r.revision(t), got["revision"])
		require.InDelta(t, time.Now().Add(5*time.Minute).Unix(), got["exp"], 60)
		require.NoError(t, read(token))
		require.NoError(t, write(token))
	})
	t.Run("made_by_another_with_the_key", func(t *testing.T) {
		token := s.sign(t, fresh("user", r.revision(t)))
		require.NoError(t, read(token))
		require.NoError(t, write(token))
		_, err := r.kv.Put(r.as(token), &pb.PutRequest{Key: []byte("l")})
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, err)
	})
	t.Run("forged", func(t *testing.T) {
		c := fresh("root", r.revision(t))
		good := s.sign(t, c)
		other := newSigner(t, s.method)
		if s.secret != nil {
			other.secret = []byte("another secret")
		}
		cut := strings.LastIndex(good, ".")
		forged := map[string]string{
			"no signature":       good[:cut],
			"empty signature":    good[:cut+1],
			"another key's":      other.sign(t, c),
			"of no algorithm":    jwtText(t, "none", c) + ".",
			"another's body":     jwtText(t, s.method, fresh("user", c["revision"].(uint64))) + good[cut:],
			"unknown algorithm":  jwtText(t, "XX256", c) + good[cut:],
			"ended":              s.sign(t, claims{"username": "root", "revision": c["revision"], "exp": time.Now().Add(-time.Minute).Unix()}),
			"not yet":            s.sign(t, claims{"username": "root", "revision": c["revision"], "nbf": time.Now().Add(time.Hour).Unix()}),
			"no user":            s.sign(t, claims{"revision": c["revision"]}),
			"no revision":        s.sign(t, claims{"username": "root"}),
			"user of a kind":     s.sign(t, claims{"username": 7, "revision": c["revision"]}),
			"revision of a kind": s.sign(t, claims{"username": "root", "revision": "7"}),
			"nothing":            "", "dots": "..",
		}
		if s.public != "" { // the public key as an HMAC's secret
			text := jwtText(t, "HS256", c)
			forged["algorithm confused"] = text + "." + base64.RawURLEncoding.EncodeToString(hmacOf(s.publicText, text))
		}
		for what, token := range forged {
			requireStatusOf(t, what, invalid, read(token))
			requireStatusOf(t, what, invalid, write(token))
		}
	})
	t.Run("old_revision", func(t *testing.T) {
		rev := r.revision(t)
		for _, user := range []string{"user", "nobody"} {
			token := s.sign(t, fresh(user, rev-1))
			requireStatus(t, old, read(token))
			requireStatus(t, old, write(token))
			require.EqualError(t, r.watchError(r.as(token), []byte("k"), nil), rpctypes.ErrorDesc(old))
		}
	})
	t.Run("coming_revision", func(t *testing.T) {
		token := s.sign(t, fresh("user", r.revision(t)+1))
		requireStatus(t, old, read(token))
		require.NoError(t, write(token))
	})
	t.Run("unknown_user", func(t *testing.T) {
		token := s.sign(t, fresh("nobody", r.revision(t)))
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, read(token))
		requireStatus(t, rpctypes.ErrGRPCPermissionDenied, write(token))
		_, err := r.auth.UserList(r.as(token), &pb.AuthUserListRequest{})
		requireStatus(t, rpctypes.ErrGRPCUserNotFound, err)
	})
	t.Run("every_change_makes_it_old", func(t *testing.T) {
		token := r.token(t, "user", "user")
		require.NoError(t, write(token))
		r.addRole(t, "unrelated")
		requireStatus(t, old, read(token))
		requireStatus(t, old, write(token))
		r.root = r.login(t, "root", rootPassword)
		require.NoError(t, write(r.token(t, "user", "user")))
	})
	t.Run("stock_client", func(t *testing.T) {
		c := r.stockClient(t, "user")
		_, err := c.Put(r.ctx, "k", "1")
		require.NoError(t, err)
		r.addRole(t, "unrelated as well")
		r.root = r.login(t, "root", rootPassword)
		_, err = c.Put(r.ctx, "k", "1")
		require.NoError(t, err, "it gets itself a new token")
	})
}

// requireStatusOf is requireStatus for one of many.
func requireStatusOf(t *testing.T, what string, want, got error) {
	t.Helper()
	require.Equal(t, status.Convert(want).String(), status.Convert(got).String(), what)
}

func jwtVerifyOnly(t *testing.T, r *realm, s *signer) {
	_, err := r.auth.AuthEnable(r.ctx, &pb.AuthEnableRequest{})
	require.NoError(t, err)
	_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: "root", Password: rootPassword})
	requireStatus(t, status.Error(codes.Unknown, "auth: token signing attempted with verify-only key"), err)
	_, err = r.auth.Authenticate(r.ctx, &pb.AuthenticateRequest{Name: "root", Password: "wrong"})
	requireStatus(t, rpctypes.ErrGRPCAuthFailed, err)
	_, err = r.kv.Put(r.as(s.sign(t, fresh("root", r.revision(t)))), &pb.PutRequest{Key: []byte("k")})
	require.NoError(t, err)
}

func jwtTTL(t *testing.T, r *realm) {
	r.enable(t)
	token := r.token(t, "root", rootPassword)
	_, err := r.kv.Range(r.as(token), &pb.RangeRequest{Key: []byte("k")})
	require.NoError(t, err)
	r.until(t, "the token's end", func() bool {
		_, err = r.kv.Range(r.as(token), &pb.RangeRequest{Key: []byte("k")})
		return err != nil // use does not prolong it
	})
	requireStatus(t, rpctypes.ErrGRPCInvalidAuthToken, err)
}

// jwtFlags: what --auth-token refuses.
func jwtFlags(t *testing.T, tg target) {
	ec, other, rs := newSigner(t, "ES256"), newSigner(t, "ES256"), newSigner(t, "RS256")
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, value := range map[string]string{
		"unknown_kind":     "sealed",
		"no_method":        "jwt,priv-key=" + ec.private,
		"unknown_method":   "jwt,sign-method=none,priv-key=" + ec.private,
		"no_key":           "jwt,sign-method=ES256",
		"key_not_there":    "jwt,sign-method=ES256,priv-key=" + filepath.Join(t.TempDir(), "none"),
		"empty_key":        "jwt,sign-method=HS256,priv-key=" + empty,
		"key_of_another":   "jwt,sign-method=ES256,priv-key=" + rs.private,
		"keys_differ":      "jwt,sign-method=ES256,priv-key=" + ec.private + ",pub-key=" + other.public,
		"bad_ttl":          "jwt,sign-method=ES256,priv-key=" + ec.private + ",ttl=soon",
		"no_value":         "jwt,sign-method",
		"twice":            "jwt,sign-method=ES256,sign-method=ES256,priv-key=" + ec.private,
		"options_of_value": "jwt,sign-method=ES256=ES256,priv-key=" + ec.private,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := process.New(process.Config{Binary: tg.bin, Root: t.TempDir(), Flags: []string{"--auth-token=" + value}})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, c.Close()) })
			m := c.Member(0)
			require.NoError(t, m.Start())
			ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
			defer cancel()
			code, err := m.Wait(ctx)
			require.NoError(t, err, "it should not have started")
			require.NotZero(t, code)
		})
	}
}

package serviceaccount

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/util/keyutil"
	testclock "k8s.io/utils/clock/testing"
)

const issuerName = "https://kubernetes.default.svc.cluster.local"

// world is a cluster of one account with a pod and two secrets, an issuer, and an authenticator that believes it.
type world struct {
	t       testing.TB
	clock   *testclock.FakePassiveClock
	client  *fake.Clientset
	key     crypto.Signer
	issuer  *Issuer
	auth    *Authenticator
	account *v1.ServiceAccount
	pod     *v1.Pod
	node    *v1.Node
	secret  *v1.Secret
	legacy  *v1.Secret
	request Request
}

func ecKey(t testing.TB) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func meta(name, uid string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(uid)}
}

func newWorld(t testing.TB, key crypto.Signer) *world {
	w := &world{
		t: t, key: key, clock: testclock.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		account: &v1.ServiceAccount{ObjectMeta: meta("robot", "a-1")},
		pod:     &v1.Pod{ObjectMeta: meta("p", "p-1"), Spec: v1.PodSpec{NodeName: "n1"}},
		node:    &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "n-1"}},
		secret:  &v1.Secret{ObjectMeta: meta("bind", "s-1")},
		legacy:  &v1.Secret{ObjectMeta: meta("robot-token", "s-2"), Type: v1.SecretTypeServiceAccountToken},
	}
	w.issuer = w.newIssuer(issuerName, key)
	legacy, err := w.newIssuer(LegacyIssuer, key).Sign(LegacyClaims(w.account, w.legacy))
	require.NoError(t, err)
	w.legacy.Data = map[string][]byte{"token": []byte(legacy)}
	w.client = fake.NewClientset(w.account, w.pod, w.node, w.secret, w.legacy)
	public, err := NewPublicKey(key)
	require.NoError(t, err)
	other, err := NewPublicKey(ecKey(t))
	require.NoError(t, err)
	w.auth, err = NewAuthenticator(Config{
		Keys: []PublicKey{other, public}, Issuers: []string{issuerName}, Audiences: authenticator.Audiences{"api"},
		Getter: NewGetter(w.client, informers.NewSharedInformerFactory(w.client, 0)), Clock: w.clock,
	})
	require.NoError(t, err)
	w.request = Request{ServiceAccount: w.account, Pod: w.pod, Node: w.node, Audiences: []string{"api", "vault"}, Expires: time.Hour}
	return w
}

func (w *world) newIssuer(name string, key crypto.Signer) *Issuer {
	i, err := NewIssuer(name, key)
	require.NoError(w.t, err)
	return i
}

func (w *world) sign(c *Claims) string {
	token, err := w.issuer.Sign(c)
	require.NoError(w.t, err)
	return token
}

func (w *world) token() string { return w.sign(w.request.Claims(w.clock.Now())) }

func TestABoundTokenComesBackAsItsAccount(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	for alg, key := range map[string]crypto.Signer{"RS256": rsaKey, "ES256": ecKey(t), "ES384": p384} {
		t.Run(alg, func(t *testing.T) {
			w := newWorld(t, key)
			token := w.token()
			header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
			require.NoError(t, err)
			require.Contains(t, string(header), `"alg":"`+alg+`"`)
			resp, ok, err := w.auth.AuthenticateToken(t.Context(), token)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, authenticator.Audiences{"api"}, resp.Audiences)
			require.Equal(t, "system:serviceaccount:ns:robot", resp.User.GetName())
			require.Equal(t, "a-1", resp.User.GetUID())
			require.Equal(t, []string{"system:serviceaccounts", "system:serviceaccounts:ns"}, resp.User.GetGroups())
			extra := resp.User.GetExtra()
			require.Regexp(t, `^JTI=[0-9a-f-]{36}$`, extra["authentication.kubernetes.io/credential-id"][0])
			delete(extra, "authentication.kubernetes.io/credential-id")
			require.Equal(t, map[string][]string{
				"authentication.kubernetes.io/pod-name": {"p"}, "authentication.kubernetes.io/pod-uid": {"p-1"},
				"authentication.kubernetes.io/node-name": {"n1"}, "authentication.kubernetes.io/node-uid": {"n-1"},
			}, extra)
		})
	}
}

func TestWhatABoundTokenSays(t *testing.T) {
	w := newWorld(t, ecKey(t))
	w.request.WarnAfter, w.request.Audiences = WarnOnlyExpiration, []string{"api"}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(w.token(), ".")[1])
	require.NoError(t, err)
	var said map[string]any
	require.NoError(t, json.Unmarshal(payload, &said))
	require.NotEmpty(t, said["jti"])
	delete(said, "jti")
	now := float64(w.clock.Now().Unix())
	require.Equal(t, map[string]any{
		"iss": issuerName, "sub": "system:serviceaccount:ns:robot", "aud": []any{"api"},
		"iat": now, "nbf": now, "exp": now + 3600,
		"kubernetes.io": map[string]any{
			"namespace": "ns", "serviceaccount": map[string]any{"name": "robot", "uid": "a-1"},
			"pod": map[string]any{"name": "p", "uid": "p-1"}, "node": map[string]any{"name": "n1", "uid": "n-1"}, "warnafter": now + 3607,
		},
	}, said)
}

// encode makes a token by hand, with whatever signature.
func encode(header string, claims *Claims, signature string) string {
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding
	return b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString(body) + "." + b64.EncodeToString([]byte(signature))
}

func TestEachWayToBeWrong(t *testing.T) {
	ctx := context.Background()
	del := metav1.DeleteOptions{}
	tests := []struct {
		name  string
		token func(w *world) string
		// want is in the error; empty means that the authenticator has no opinion.
		want string
	}{
		{"not a token", func(w *world) string { return "abc" }, ""},
		{"three parts of nothing", func(w *world) string { return "a.b.c" }, ""},
		{"other issuer", func(w *world) string {
			w.issuer = w.newIssuer("https://elsewhere", w.key)
			return w.token()
		}, ""},
		{"other key", func(w *world) string {
			w.issuer = w.newIssuer(issuerName, ecKey(w.t))
			return w.token()
		}, "error in cryptographic primitive"},
		{"other key under a known name", func(w *world) string {
			public, err := NewPublicKey(w.key)
			require.NoError(w.t, err)
			thief, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ecKey(w.t), KeyID: public.ID}}, nil)
			require.NoError(w.t, err)
			c := w.request.Claims(w.clock.Now())
			c.Issuer = issuerName
			token, err := jwt.Signed(thief).Claims(c).Serialize()
			require.NoError(w.t, err)
			return token
		}, "error in cryptographic primitive"},
		{"alg none", func(w *world) string {
			c := w.request.Claims(w.clock.Now())
			c.Issuer = issuerName
			return encode(`{"alg":"none"}`, c, "")
		}, "unexpected signature algorithm"},
		{"the public key as a shared secret", func(w *world) string {
			c := w.request.Claims(w.clock.Now())
			c.Issuer = issuerName
			return encode(`{"alg":"HS256"}`, c, "x")
		}, "unexpected signature algorithm"},
		{"claims changed after signing", func(w *world) string {
			token := strings.Split(w.token(), ".")
			c := w.request.Claims(w.clock.Now())
			c.Issuer, c.Subject = issuerName, "system:serviceaccount:kube-system:admin"
			token[1] = strings.Split(encode("", c, ""), ".")[1]
			return strings.Join(token, ".")
		}, "error in cryptographic primitive"},
		{"expired", func(w *world) string {
			token := w.token()
			w.clock.SetTime(w.clock.Now().Add(time.Hour + 2*time.Minute))
			return token
		}, "service account token has expired"},
		{"not valid yet", func(w *world) string {
			return w.sign(w.request.Claims(w.clock.Now().Add(2 * time.Minute)))
		}, "service account token is not valid yet"},
		{"without expiry", func(w *world) string {
			c := w.request.Claims(w.clock.Now())
			c.Expiry = nil
			return w.sign(c)
		}, "does not expire"},
		{"names no account", func(w *world) string {
			c := w.request.Claims(w.clock.Now())
			c.Bound = nil
			return w.sign(c)
		}, "names no service account"},
		{"subject is another account", func(w *world) string {
			c := w.request.Claims(w.clock.Now())
			c.Subject = "system:serviceaccount:kube-system:admin"
			return w.sign(c)
		}, "is not that of its service account"},
		{"wrong audience", func(w *world) string {
			w.request.Audiences = []string{"vault"}
			return w.token()
		}, `token audiences ["vault"] is invalid for the target audiences ["api"]`},
		{"account deleted", func(w *world) string {
			require.NoError(w.t, w.client.CoreV1().ServiceAccounts("ns").Delete(ctx, "robot", del))
			return w.token()
		}, `serviceaccounts "robot" not found`},
		{"account recreated", func(w *world) string {
			w.account.UID = "a-2"
			_, err := w.client.CoreV1().ServiceAccounts("ns").Update(ctx, w.account.DeepCopy(), metav1.UpdateOptions{})
			require.NoError(w.t, err)
			w.account.UID = "a-1"
			return w.token()
		}, "service account UID (a-2) does not match claim (a-1)"},
		{"pod deleted", func(w *world) string {
			require.NoError(w.t, w.client.CoreV1().Pods("ns").Delete(ctx, "p", del))
			return w.token()
		}, `pods "p" not found`},
		{"pod recreated", func(w *world) string {
			w.request.Pod = w.pod.DeepCopy()
			w.request.Pod.UID = "p-0"
			return w.token()
		}, "pod UID (p-1) does not match claim (p-0)"},
		{"pod deleted a while ago, still there", func(w *world) string {
			at := metav1.NewTime(w.clock.Now().Add(-2 * time.Minute))
			pod := w.pod.DeepCopy()
			pod.DeletionTimestamp, pod.Finalizers = &at, []string{"x"}
			_, err := w.client.CoreV1().Pods("ns").Update(ctx, pod, metav1.UpdateOptions{})
			require.NoError(w.t, err)
			return w.token()
		}, "pod ns/p has been deleted"},
		{"secret recreated", func(w *world) string {
			w.request.Pod, w.request.Node, w.request.Secret = nil, nil, &v1.Secret{ObjectMeta: meta("bind", "s-0")}
			return w.token()
		}, "secret UID (s-1) does not match claim (s-0)"},
		{"node deleted", func(w *world) string {
			w.request.Pod = nil
			require.NoError(w.t, w.client.CoreV1().Nodes().Delete(ctx, "n1", del))
			return w.token()
		}, `nodes "n1" not found`},
		{"legacy, secret deleted", func(w *world) string {
			require.NoError(w.t, w.client.CoreV1().Secrets("ns").Delete(ctx, "robot-token", del))
			return string(w.legacy.Data["token"])
		}, "service account token has been invalidated"},
		{"legacy, secret holds another", func(w *world) string {
			token := string(w.legacy.Data["token"])
			changed := w.legacy.DeepCopy()
			changed.Data["token"] = []byte("other")
			_, err := w.client.CoreV1().Secrets("ns").Update(ctx, changed, metav1.UpdateOptions{})
			require.NoError(w.t, err)
			return token
		}, "service account token has been invalidated"},
		{"legacy, account deleted", func(w *world) string {
			require.NoError(w.t, w.client.CoreV1().ServiceAccounts("ns").Delete(ctx, "robot", del))
			return string(w.legacy.Data["token"])
		}, `serviceaccounts "robot" not found`},
		{"legacy issuer on bound claims", func(w *world) string {
			w.issuer = w.newIssuer(LegacyIssuer, w.key)
			return w.token()
		}, "namespace is not set in token claims"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, ecKey(t))
			resp, ok, err := w.auth.AuthenticateToken(ctx, tt.token(w))
			require.False(t, ok)
			require.Nil(t, resp)
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
}

func TestATokenForOthersIsGoodWhenTheyAskForIt(t *testing.T) {
	w := newWorld(t, ecKey(t))
	w.request.Audiences = []string{"vault"}
	resp, ok, err := w.auth.AuthenticateToken(authenticator.WithAudiences(t.Context(), authenticator.Audiences{"vault", "x"}), w.token())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, authenticator.Audiences{"vault"}, resp.Audiences)
}

func TestTokensBoundToSecretAndNode(t *testing.T) {
	w := newWorld(t, ecKey(t))
	w.request.Pod = nil
	resp, ok, err := w.auth.AuthenticateToken(t.Context(), w.token())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, []string{"n1"}, resp.User.GetExtra()["authentication.kubernetes.io/node-name"])
	w.request.Node, w.request.Secret = nil, w.secret
	_, ok, err = w.auth.AuthenticateToken(t.Context(), w.token())
	require.NoError(t, err)
	require.True(t, ok)
}

func TestALegacyTokenComesBackAsItsAccount(t *testing.T) {
	w := newWorld(t, ecKey(t))
	w.clock.SetTime(w.clock.Now().Add(20 * 365 * 24 * time.Hour))
	resp, ok, err := w.auth.AuthenticateToken(t.Context(), string(w.legacy.Data["token"]))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "system:serviceaccount:ns:robot", resp.User.GetName())
	require.Equal(t, authenticator.Audiences{"api"}, resp.Audiences)
}

func TestKeysComeFromFiles(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "sa.key"), filepath.Join(dir, "sa.pub")
	pem, err := keyutil.MarshalPrivateKeyToPEM(ecKey(t))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(private, pem, 0o600))
	signer, err := ReadPrivateKey(private)
	require.NoError(t, err)
	keys, err := ReadPublicKeys(private, private)
	require.NoError(t, err)
	require.Len(t, keys, 1, "the same key twice counts once")
	want, err := NewPublicKey(signer)
	require.NoError(t, err)
	require.Equal(t, want.ID, keys[0].ID)
	require.NoError(t, os.WriteFile(public, []byte("no key"), 0o600))
	_, err = ReadPublicKeys(public)
	require.Error(t, err)
	_, err = ReadPrivateKey(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDiscoveryLetsOthersVerify(t *testing.T) {
	w := newWorld(t, ecKey(t))
	_, err := NewDiscovery("kubernetes", "https://host/openid/v1/jwks", w.auth.Keys)
	require.ErrorContains(t, err, "no https URL")
	d, err := NewDiscovery(issuerName, "https://host/openid/v1/jwks", w.auth.Keys)
	require.NoError(t, err)
	mux := http.NewServeMux()
	d.Install(mux)
	get := func(path, contentType string, into any) {
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, contentType, rec.Header().Get("Content-Type"))
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), into))
	}
	var configuration map[string]any
	get(ConfigurationPath, "application/json", &configuration)
	require.Equal(t, map[string]any{
		"issuer": issuerName, "jwks_uri": "https://host/openid/v1/jwks", "response_types_supported": []any{"id_token"},
		"subject_types_supported": []any{"public"}, "id_token_signing_alg_values_supported": []any{"ES256"},
	}, configuration)
	var set jose.JSONWebKeySet
	get(KeysPath, "application/jwk-set+json", &set)
	token, err := jwt.ParseSigned(w.token(), []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	var claims jwt.Claims
	require.NoError(t, token.Claims(set, &claims))
	require.Equal(t, "system:serviceaccount:ns:robot", claims.Subject)
}

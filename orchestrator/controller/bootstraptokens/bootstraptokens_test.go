package bootstraptokens

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cluster-bootstrap/token/jws"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

const half = "0123456789abcdef"

func newToken(change ...func(*v1.Secret)) *v1.Secret {
	s := &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-abcdef", UID: "1"}, Type: v1.SecretTypeBootstrapToken,
		Data: map[string][]byte{"token-id": []byte("abcdef"), "token-secret": []byte(half), "usage-bootstrap-signing": []byte("true")},
	}
	for _, f := range change {
		f(s)
	}
	return s
}

// until sets when a token expires.
func until(d time.Duration) func(*v1.Secret) {
	return func(s *v1.Secret) { s.Data["expiration"] = []byte(controllertest.Epoch.Add(d).Format(time.RFC3339)) }
}

func newInfo(signatures ...string) *v1.ConfigMap {
	m := &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "cluster-info"}, Data: map[string]string{"kubeconfig": "where"}}
	for _, id := range signatures {
		m.Data["jws-kubeconfig-"+id] = "old"
	}
	return m
}

func TestSign(t *testing.T) {
	for name, tc := range map[string]struct {
		token  *v1.Secret
		signed bool
	}{
		"good":         {newToken(), true},
		"for a while":  {newToken(until(time.Hour)), true},
		"expired":      {newToken(until(-time.Hour)), false},
		"not to sign":  {newToken(func(s *v1.Secret) { s.Data["usage-bootstrap-signing"] = []byte("false") }), false},
		"another name": {newToken(func(s *v1.Secret) { s.Name = "bootstrap-token-zzzzzz" }), false},
		"another type": {newToken(func(s *v1.Secret) { s.Type = v1.SecretTypeOpaque }), false},
		"half of it":   {newToken(func(s *v1.Secret) { delete(s.Data, "token-secret") }), false},
	} {
		t.Run(name, func(t *testing.T) {
			c := controllertest.New(t, newInfo("gone00"), tc.token)
			s := newSigner(c.Env)
			c.Refresh()
			require.NoError(t, s.sync(t.Context(), clusterInfo))
			info, err := c.Fake.CoreV1().ConfigMaps("kube-public").Get(t.Context(), "cluster-info", metav1.GetOptions{})
			require.NoError(t, err)
			require.NotContains(t, info.Data, "jws-kubeconfig-gone00")
			require.Equal(t, tc.signed, jws.DetachedTokenIsValid(info.Data["jws-kubeconfig-abcdef"], "where", "abcdef", half), info.Data)
			c.Refresh()
			c.Writes()
			require.NoError(t, s.sync(t.Context(), clusterInfo))
			require.Empty(t, c.Writes(), "nothing to change")
		})
	}
}

func TestNothingToSign(t *testing.T) {
	c := controllertest.New(t, newToken())
	s := newSigner(c.Env)
	c.Refresh()
	require.NoError(t, s.sync(t.Context(), clusterInfo))
	require.Empty(t, c.Writes())
}

func TestClean(t *testing.T) {
	c := controllertest.New(t, newToken(until(time.Hour)))
	cl := newCleaner(c.Env)
	c.Refresh()
	const key = "kube-system/bootstrap-token-abcdef"
	require.Equal(t, controller.Later(time.Hour), cl.sync(t.Context(), key))
	c.Clock.Step(time.Hour)
	require.NoError(t, cl.sync(t.Context(), key))
	require.Equal(t, []string{"delete secrets kube-system/bootstrap-token-abcdef"}, c.Writes())
	c.Refresh()
	require.NoError(t, cl.sync(t.Context(), key))
}

func TestATokenWithoutATimeStays(t *testing.T) {
	c := controllertest.New(t, newToken())
	cl := newCleaner(c.Env)
	c.Refresh()
	require.NoError(t, cl.sync(t.Context(), "kube-system/bootstrap-token-abcdef"))
	require.Empty(t, c.Writes())
}

func TestRun(t *testing.T) {
	c := controllertest.New(t, newInfo())
	c.Versions()
	c.Start(controller.Runners{NewSigner(c.Env), NewCleaner(c.Env)})
	_, err := c.Fake.CoreV1().Secrets("kube-system").Create(t.Context(), newToken(), metav1.CreateOptions{})
	require.NoError(t, err)
	c.Eventually(func() bool {
		info, err := c.Fake.CoreV1().ConfigMaps("kube-public").Get(t.Context(), "cluster-info", metav1.GetOptions{})
		return err == nil && info.Data["jws-kubeconfig-abcdef"] != ""
	}, "signed")
}

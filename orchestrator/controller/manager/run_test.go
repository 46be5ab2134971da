package manager

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Controllers share the caches. Their clients are their own: none uses up the rate of another.
func TestEachControllerHasItsClient(t *testing.T) {
	var agent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		http.NotFound(w, r)
	}))
	defer server.Close()
	b := &built{config: &rest.Config{Host: server.URL, QPS: 20, Burst: 30}}
	events, err := b.environment(t.Context())
	require.NoError(t, err)
	defer events.Shutdown()
	one, err := b.as("job-controller")
	require.NoError(t, err)
	other, err := b.as("cronjob-controller")
	require.NoError(t, err)
	require.Same(t, one.env.Informers, other.env.Informers)
	limiter := one.env.Client.CoreV1().RESTClient().GetRateLimiter()
	require.NotNil(t, limiter)
	require.NotSame(t, limiter, other.env.Client.CoreV1().RESTClient().GetRateLimiter())
	_, err = one.env.Client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	require.Error(t, err)
	require.True(t, strings.HasSuffix(agent, "/job-controller"), agent)
	require.Empty(t, b.config.UserAgent, "the given one is left alone")
}

// Who may sign and isn't told with what signs nothing; kubeadm's two run only where they are named.
func TestWhichCertificateControllersRun(t *testing.T) {
	o := NewOptions()
	require.True(t, o.runs("certificatesigningrequest-signing-controller"))
	require.False(t, o.runs("bootstrap-signer-controller"))
	require.False(t, o.runs("token-cleaner-controller"))
	require.Nil(t, controllers()["certificatesigningrequest-signing-controller"](&built{}))
	o.Controllers = []string{"*", "bootstrap-signer-controller"}
	require.NoError(t, o.Validate())
	require.True(t, o.runs("bootstrap-signer-controller"))
	o.Signer.Cert = "ca.crt"
	require.ErrorContains(t, o.Validate(), "--cluster-signing-key-file go together")
}

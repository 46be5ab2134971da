package kubeadm

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestTokens(t *testing.T) {
	client := fake.NewSimpleClientset()
	const token = "abcdef.0123456789abcdef"
	require.NoError(t, createToken(t.Context(), client, token, "for you", time.Hour))
	require.ErrorContains(t, createToken(t.Context(), client, token, "", 0), "already exists")
	s, err := client.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-abcdef", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "0123456789abcdef", string(s.Data["token-secret"]))
	require.Equal(t, "system:bootstrappers:kubeadm:default-node-token", string(s.Data["auth-extra-groups"]))

	require.NoError(t, createToken(t.Context(), client, "zzzzzz.0123456789abcdef", "", 0))
	var out strings.Builder
	require.NoError(t, listTokens(t.Context(), client, &out, time.Now()))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3)
	require.Equal(t, []string{"TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA", "GROUPS"}, strings.Fields(lines[0]))
	require.Contains(t, lines[1], "authentication,signing   for you")
	require.Regexp(t, "^zzzzzz.0123456789abcdef +<forever> +<never> +authentication,signing +<none>", lines[2])
	out.Reset()
	require.NoError(t, listTokens(t.Context(), client, &out, time.Now().Add(2*time.Hour)))
	require.Contains(t, out.String(), "<invalid>")

	require.NoError(t, deleteToken(t.Context(), client, "abcdef"))
	require.ErrorContains(t, deleteToken(t.Context(), client, token), "there is no token abcdef")
	require.ErrorContains(t, deleteToken(t.Context(), client, "nonsense"), "neither a token nor the id of one")
}

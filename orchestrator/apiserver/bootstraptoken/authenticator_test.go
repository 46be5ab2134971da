package bootstraptoken

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	testclock "k8s.io/utils/clock/testing"
)

func TestTokens(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const good = "abcdef.0123456789abcdef"
	set := func(key, value string) func(*v1.Secret) { return func(s *v1.Secret) { s.Data[key] = []byte(value) } }
	tests := []struct {
		name   string
		token  string
		change func(*v1.Secret)
		groups []string // nil where the token is no good
	}{
		{"good", good, nil, []string{"system:bootstrappers"}},
		{"more groups", good, set("auth-extra-groups", "system:bootstrappers:kubeadm:default-node-token,system:bootstrappers:a"),
			[]string{"system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:kubeadm:default-node-token"}},
		{"not expired", good, set("expiration", now.Add(time.Second).Format(time.RFC3339)), []string{"system:bootstrappers"}},
		{"expired", good, set("expiration", now.Format(time.RFC3339)), nil},
		{"expires who knows when", good, set("expiration", "tomorrow"), nil},
		{"a group that others are in", good, set("auth-extra-groups", "system:masters"), nil},
		{"other secret half", "abcdef.0123456789abcdeg", nil, nil},
		{"no secret half", good, func(s *v1.Secret) { delete(s.Data, "token-secret") }, nil},
		{"other id", "bbcdef.0123456789abcdef", nil, nil},
		{"id differs from the name", good, set("token-id", "bbcdef"), nil},
		{"not for authentication", good, func(s *v1.Secret) { delete(s.Data, "usage-bootstrap-authentication") }, nil},
		{"type differs", good, func(s *v1.Secret) { s.Type = v1.SecretTypeOpaque }, nil},
		{"being deleted", good, func(s *v1.Secret) { s.DeletionTimestamp = &metav1.Time{Time: now} }, nil},
		{"no data", good, func(s *v1.Secret) { s.Data = nil }, nil},
		{"too short", "abcde.0123456789abcdef", nil, nil},
		{"upper case", "ABCDEF.0123456789abcdef", nil, nil},
		{"one part", "abcdef", nil, nil},
		{"more after it", good + "\n", nil, nil},
		{"a JWT", "eyJh.eyJp.c2ln", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			secret := &v1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-abcdef"}, Type: v1.SecretTypeBootstrapToken,
				Data: map[string][]byte{"token-id": []byte("abcdef"), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-authentication": []byte("true")},
			}
			if tt.change != nil {
				tt.change(secret)
			}
			indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
			require.NoError(t, indexer.Add(secret))
			a := &Authenticator{Secrets: corelisters.NewSecretLister(indexer).Secrets("kube-system"), Clock: testclock.NewFakePassiveClock(now)}
			resp, ok, err := a.AuthenticateToken(t.Context(), tt.token)
			require.NoError(t, err)
			require.Equal(t, tt.groups != nil, ok)
			if ok {
				require.Equal(t, "system:bootstrap:abcdef", resp.User.GetName())
				require.Equal(t, tt.groups, resp.User.GetGroups())
			}
		})
	}
}

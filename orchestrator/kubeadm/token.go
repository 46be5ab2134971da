package kubeadm

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"
	"k8s.io/cluster-bootstrap/util/secrets"
)

// nodeTokenGroup is what bindings know the users of tokens by that nodes join with.
const nodeTokenGroup = "system:bootstrappers:kubeadm:default-node-token"

// tokenSecret is a token as the cluster keeps it. A ttl of 0 is for ever.
func tokenSecret(token, description string, ttl time.Duration) *v1.Secret {
	id, half, _ := strings.Cut(token, ".")
	data := map[string]string{
		bootstrapapi.BootstrapTokenIDKey: id, bootstrapapi.BootstrapTokenSecretKey: half,
		bootstrapapi.BootstrapTokenExtraGroupsKey:  nodeTokenGroup,
		bootstrapapi.BootstrapTokenUsageSigningKey: "true", bootstrapapi.BootstrapTokenUsageAuthentication: "true",
	}
	if description != "" {
		data[bootstrapapi.BootstrapTokenDescriptionKey] = description
	}
	if ttl > 0 {
		data[bootstrapapi.BootstrapTokenExpirationKey] = time.Now().Add(ttl).UTC().Format(time.RFC3339)
	}
	s := &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: bootstraputil.BootstrapTokenSecretName(id)},
		Type:       bootstrapapi.SecretTypeBootstrapToken, Data: map[string][]byte{},
	}
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	return s
}

// createToken adds a token, which must not be there yet.
func createToken(ctx context.Context, client kubernetes.Interface, token, description string, ttl time.Duration) error {
	_, err := client.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, tokenSecret(token, description, ttl), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("kubeadm: create token: %w", err)
	}
	return nil
}

// listTokens prints the tokens, as `kubeadm token list` does.
func listTokens(ctx context.Context, client kubernetes.Interface, out io.Writer, now time.Time) error {
	list, err := client.CoreV1().Secrets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{FieldSelector: "type=" + string(bootstrapapi.SecretTypeBootstrapToken)})
	if err != nil {
		return fmt.Errorf("kubeadm: list tokens: %w", err)
	}
	w := tabwriter.NewWriter(out, 10, 4, 3, ' ', 0)
	fmt.Fprintln(w, "TOKEN\tTTL\tEXPIRES\tUSAGES\tDESCRIPTION\tEXTRA GROUPS")
	for i := range list.Items {
		s := &list.Items[i]
		data := func(key string) string { return secrets.GetData(s, key) }
		ttl, expires := "<forever>", "<never>"
		if at := data(bootstrapapi.BootstrapTokenExpirationKey); at != "" {
			left, over := secrets.GetExpiration(s, now)
			ttl, expires = left.Round(time.Second).String(), at
			if over {
				ttl = "<invalid>"
			}
		}
		var usages []string
		for _, key := range slices.Sorted(maps.Keys(s.Data)) {
			if usage, is := strings.CutPrefix(key, bootstrapapi.BootstrapTokenUsagePrefix); is && data(key) == "true" {
				usages = append(usages, usage)
			}
		}
		fmt.Fprintf(w, "%s.%s\t%s\t%s\t%s\t%s\t%s\n", data(bootstrapapi.BootstrapTokenIDKey), data(bootstrapapi.BootstrapTokenSecretKey), ttl, expires,
			strings.Join(usages, ","), orNone(data(bootstrapapi.BootstrapTokenDescriptionKey)), orNone(data(bootstrapapi.BootstrapTokenExtraGroupsKey)))
	}
	return w.Flush()
}

func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}

// deleteToken takes a token away, by its id or the whole of it.
func deleteToken(ctx context.Context, client kubernetes.Interface, token string) error {
	id, _, _ := strings.Cut(token, ".")
	if !bootstraputil.IsValidBootstrapTokenID(id) {
		return fmt.Errorf("kubeadm: %q is neither a token nor the id of one", token)
	}
	err := client.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, bootstraputil.BootstrapTokenSecretName(id), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("kubeadm: there is no token %s", id)
	}
	if err != nil {
		return fmt.Errorf("kubeadm: delete token: %w", err)
	}
	return nil
}

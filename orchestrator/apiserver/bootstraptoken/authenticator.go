package bootstraptoken

import (
	"context"
	"crypto/subtle"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const (
	secretPrefix = "bootstrap-token-"
	userPrefix   = "system:bootstrap:"
	defaultGroup = "system:bootstrappers"
)

// groupPattern is what groups of tokens must look like.
var groupPattern = regexp.MustCompile(`\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\z`)

// Authenticator implements authenticator.Token.
type Authenticator struct {
	// Secrets are those of kube-system.
	Secrets corelisters.SecretNamespaceLister
	Clock   clock.PassiveClock
}

// AuthenticateToken implements authenticator.Token.
func (a *Authenticator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	id, half, ok := split(token)
	if !ok {
		return nil, false, nil
	}
	secret, err := a.Secrets.Get(secretPrefix + id)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("bootstrap token %s: %w", id, err)
	}
	if why := a.refuse(secret, id, half); why != "" {
		klog.FromContext(ctx).V(3).Info("Bootstrap token refused", "secret", klog.KObj(secret), "reason", why)
		return nil, false, nil
	}
	groups, err := groupsOf(secret)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Bootstrap token has invalid groups", "secret", klog.KObj(secret))
		return nil, false, nil
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: userPrefix + id, Groups: groups}}, true, nil
}

// split takes a token apart: six and sixteen lower case letters and digits.
func split(token string) (id, half string, ok bool) {
	id, half, ok = strings.Cut(token, ".")
	return id, half, ok && isPart(id, 6) && isPart(half, 16)
}

func isPart(s string, length int) bool {
	return len(s) == length && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// refuse returns why a secret doesn't make the token good; empty if it does.
func (a *Authenticator) refuse(secret *v1.Secret, id, half string) string {
	data := func(key string) string { return string(secret.Data[key]) }
	switch {
	case secret.DeletionTimestamp != nil:
		return "the secret is being deleted"
	case secret.Type != v1.SecretTypeBootstrapToken:
		return "the secret is of another type"
	case subtle.ConstantTimeCompare(secret.Data["token-secret"], []byte(half)) != 1:
		return "the token is another"
	case data("token-id") != id:
		return "the secret holds another id than its name"
	case a.expired(data("expiration")):
		return "the token has expired"
	case data("usage-bootstrap-authentication") != "true":
		return "the token is not for authentication"
	}
	return ""
}

// expired: a time that can't be read has passed, so that a mistake lets nobody in for ever.
func (a *Authenticator) expired(at string) bool {
	if at == "" {
		return false
	}
	t, err := time.Parse(time.RFC3339, at)
	return err != nil || !a.Clock.Now().Before(t)
}

// groupsOf returns the groups of a token's user. They can only be such as nothing else is in.
func groupsOf(secret *v1.Secret) ([]string, error) {
	groups := []string{defaultGroup}
	extra := string(secret.Data["auth-extra-groups"])
	if extra == "" {
		return groups, nil
	}
	for g := range strings.SplitSeq(extra, ",") {
		if !groupPattern.MatchString(g) {
			return nil, fmt.Errorf("bootstrap group %q is invalid (must match %s)", g, groupPattern)
		}
		groups = append(groups, g)
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

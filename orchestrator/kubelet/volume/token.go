package volume

import (
	"context"
	"fmt"
	"sync"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// tokens are the service account tokens of this node's pods, kept until they are due for a new one.
type tokens struct {
	client kubernetes.Interface
	clock  clock.PassiveClock

	mu   sync.Mutex
	kept map[tokenKey]token
}

// tokenKey is what a token was asked for.
type tokenKey struct {
	uid      types.UID
	account  string
	audience string
	seconds  int64
}

type token struct {
	text           string
	due, expiresAt time.Time
}

const (
	// defaultTokenSeconds is the life of a token whose projection doesn't say one.
	defaultTokenSeconds = 60 * 60
	// maxTokenAge is when even a token of long life is replaced.
	maxTokenAge = 24 * time.Hour
)

func newTokens(client kubernetes.Interface, c clock.PassiveClock) *tokens {
	return &tokens{client: client, clock: c, kept: map[tokenKey]token{}}
}

// get is a pod's token, a new one when four fifths of the last one's life are over. While there is no new one the last does.
func (t *tokens) get(ctx context.Context, pod *v1.Pod, p *v1.ServiceAccountTokenProjection) (string, error) {
	key := tokenKey{pod.UID, pod.Spec.ServiceAccountName, p.Audience, defaultTokenSeconds}
	if p.ExpirationSeconds != nil {
		key.seconds = *p.ExpirationSeconds
	}
	if key.account == "" {
		key.account = "default"
	}
	t.mu.Lock()
	last, ok := t.kept[key]
	t.mu.Unlock()
	now := t.clock.Now()
	if ok && now.Before(last.due) {
		return last.text, nil
	}
	fresh, err := t.request(ctx, pod, key)
	if err != nil {
		if ok && now.Before(last.expiresAt) {
			klog.FromContext(ctx).Error(err, "No new token, the last one stays", "pod", klog.KObj(pod), "expires", last.expiresAt)
			return last.text, nil
		}
		return "", fmt.Errorf("failed to fetch token: %w", err)
	}
	t.mu.Lock()
	t.kept[key] = fresh
	t.mu.Unlock()
	return fresh.text, nil
}

// request asks the apiserver for a token that is good as long as the pod is.
func (t *tokens) request(ctx context.Context, pod *v1.Pod, key tokenKey) (token, error) {
	if t.client == nil {
		return token{}, errNoClient
	}
	request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{
		ExpirationSeconds: &key.seconds,
		BoundObjectRef:    &authv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if key.audience != "" {
		request.Spec.Audiences = []string{key.audience}
	}
	asked := t.clock.Now()
	answer, err := t.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, key.account, request, metav1.CreateOptions{})
	if err != nil {
		return token{}, err
	}
	expires := answer.Status.ExpirationTimestamp.Time
	age := expires.Sub(asked) * 4 / 5
	return token{answer.Status.Token, asked.Add(min(age, maxTokenAge)), expires}, nil
}

// forget drops a pod's tokens.
func (t *tokens) forget(uid types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range t.kept {
		if key.uid == uid {
			delete(t.kept, key)
		}
	}
}

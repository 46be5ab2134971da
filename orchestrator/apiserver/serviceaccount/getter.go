package serviceaccount

import (
	"context"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// Getter finds the objects that a token names, with the errors of an apiserver.
type Getter interface {
	ServiceAccount(ctx context.Context, namespace, name string) (*v1.ServiceAccount, error)
	Pod(ctx context.Context, namespace, name string) (*v1.Pod, error)
	Secret(ctx context.Context, namespace, name string) (*v1.Secret, error)
	Node(ctx context.Context, name string) (*v1.Node, error)
}

// NewGetter returns a getter that looks into caches first. What they don't have yet it asks the client for: an account may be used
// right after it was made. What is gone is noticed as soon as the caches are told.
func NewGetter(client kubernetes.Interface, shared informers.SharedInformerFactory) Getter {
	core := shared.Core().V1()
	return &cachedGetter{
		client: client, accounts: core.ServiceAccounts().Lister(), pods: core.Pods().Lister(),
		secrets: core.Secrets().Lister(), nodes: core.Nodes().Lister(),
	}
}

type cachedGetter struct {
	client   kubernetes.Interface
	accounts corelisters.ServiceAccountLister
	pods     corelisters.PodLister
	secrets  corelisters.SecretLister
	nodes    corelisters.NodeLister
}

// ServiceAccount implements Getter.
func (g *cachedGetter) ServiceAccount(ctx context.Context, namespace, name string) (*v1.ServiceAccount, error) {
	obj, err := g.accounts.ServiceAccounts(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return g.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return obj, err
}

// Pod implements Getter.
func (g *cachedGetter) Pod(ctx context.Context, namespace, name string) (*v1.Pod, error) {
	obj, err := g.pods.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return g.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return obj, err
}

// Secret implements Getter.
func (g *cachedGetter) Secret(ctx context.Context, namespace, name string) (*v1.Secret, error) {
	obj, err := g.secrets.Secrets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return g.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	}
	return obj, err
}

// Node implements Getter.
func (g *cachedGetter) Node(ctx context.Context, name string) (*v1.Node, error) {
	obj, err := g.nodes.Get(name)
	if apierrors.IsNotFound(err) {
		return g.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	}
	return obj, err
}

package token

import (
	"bytes"
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Mint makes the token of a Secret, which authenticates as the account while both are there.
type Mint = func(sa *v1.ServiceAccount, secret *v1.Secret) (string, error)

// filler fills Secrets, and deletes those without an account.
type filler struct {
	ca       []byte
	mint     Mint
	client   kubernetes.Interface
	accounts corelisters.ServiceAccountLister
	secrets  corelisters.SecretLister
}

// New returns the controller. ca is one or more certificates in PEM.
func New(env *controller.Env, ca []byte, mint Mint) controller.Runner {
	f := newFiller(env, ca, mint)
	core := env.Informers.Core().V1()
	loop := controller.NewLoop("serviceaccount-token-controller", 2, f.sync,
		core.Secrets().Informer().HasSynced, core.ServiceAccounts().Informer().HasSynced)
	enqueue := func(s *v1.Secret) {
		if s.Type == v1.SecretTypeServiceAccountToken {
			loop.Enqueue(s)
		}
	}
	controller.On[*v1.Secret]{Add: enqueue, Update: func(_, s *v1.Secret) { enqueue(s) }}.Watch(core.Secrets().Informer())
	controller.Any(func(sa *v1.ServiceAccount) {
		secrets, err := f.secrets.Secrets(sa.Namespace).List(labels.Everything())
		if err != nil {
			runtime.HandleError(fmt.Errorf("serviceaccount-token-controller: list secrets: %w", err))
			return
		}
		for _, s := range secrets {
			if s.Annotations[v1.ServiceAccountNameKey] == sa.Name {
				enqueue(s)
			}
		}
	}).Watch(core.ServiceAccounts().Informer())
	return loop
}

func newFiller(env *controller.Env, ca []byte, mint Mint) *filler {
	core := env.Informers.Core().V1()
	return &filler{
		ca: ca, mint: mint, client: env.Client, accounts: core.ServiceAccounts().Lister(), secrets: core.Secrets().Lister(),
	}
}

func (f *filler) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	secret, err := f.secrets.Secrets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("secret %s: %w", key, err)
	}
	if secret.Type != v1.SecretTypeServiceAccountToken || secret.DeletionTimestamp != nil ||
		secret.Annotations[v1.ServiceAccountNameKey] == "" {
		return nil
	}
	account, err := f.account(ctx, secret)
	if err != nil {
		return err
	}
	if account == nil {
		return f.remove(ctx, secret)
	}
	return f.fill(ctx, account, secret)
}

// account is the account that a secret is of; nil if it is gone. The cache may not show a new one yet, and to delete its secret
// would be a loss: so the apiserver has the last word.
func (f *filler) account(ctx context.Context, secret *v1.Secret) (*v1.ServiceAccount, error) {
	name, uid := secret.Annotations[v1.ServiceAccountNameKey], secret.Annotations[v1.ServiceAccountUIDKey]
	is := func(sa *v1.ServiceAccount) bool { return uid == "" || string(sa.UID) == uid }
	if sa, err := f.accounts.ServiceAccounts(secret.Namespace).Get(name); err == nil && is(sa) {
		return sa, nil
	}
	sa, err := f.client.CoreV1().ServiceAccounts(secret.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil // gone is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("service account %s/%s: %w", secret.Namespace, name, err)
	}
	if !is(sa) {
		return nil, nil // another of its name
	}
	return sa, nil
}

func (f *filler) remove(ctx context.Context, secret *v1.Secret) error {
	preconditions := metav1.NewUIDPreconditions(string(secret.UID))
	if rv := secret.ResourceVersion; rv != "" {
		preconditions.ResourceVersion = &rv
	}
	err := f.client.CoreV1().Secrets(secret.Namespace).Delete(ctx, secret.Name, metav1.DeleteOptions{Preconditions: preconditions})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return nil
}

// fill adds what a secret lacks. Nothing is sent if that is nothing.
func (f *filler) fill(ctx context.Context, account *v1.ServiceAccount, secret *v1.Secret) error {
	filled := secret.DeepCopy()
	if filled.Data == nil {
		filled.Data = map[string][]byte{}
	}
	changed := false
	if secret.Annotations[v1.ServiceAccountUIDKey] == "" {
		filled.Annotations[v1.ServiceAccountUIDKey] = string(account.UID)
		changed = true
	}
	if len(f.ca) > 0 && !bytes.Equal(secret.Data[v1.ServiceAccountRootCAKey], f.ca) {
		filled.Data[v1.ServiceAccountRootCAKey] = f.ca
		changed = true
	}
	if len(secret.Data[v1.ServiceAccountNamespaceKey]) == 0 {
		filled.Data[v1.ServiceAccountNamespaceKey] = []byte(secret.Namespace)
		changed = true
	}
	if len(secret.Data[v1.ServiceAccountTokenKey]) == 0 {
		token, err := f.mint(account, filled)
		if err != nil {
			return fmt.Errorf("make a token for secret %s/%s: %w", secret.Namespace, secret.Name, err)
		}
		filled.Data[v1.ServiceAccountTokenKey] = []byte(token)
		changed = true
	}
	if !changed {
		return nil
	}
	_, err := f.client.CoreV1().Secrets(secret.Namespace).Update(ctx, filled, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("fill secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return nil
}

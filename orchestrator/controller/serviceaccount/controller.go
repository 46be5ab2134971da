package serviceaccount

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// name is that of the account.
const name = "default"

// keeper makes the accounts. Its keys are namespaces.
type keeper struct {
	client     kubernetes.Interface
	namespaces corelisters.NamespaceLister
	accounts   corelisters.ServiceAccountLister
}

// New returns the controller.
func New(env *controller.Env) controller.Runner {
	k := newKeeper(env)
	core := env.Informers.Core().V1()
	loop := controller.NewLoop("serviceaccount-controller", 1, k.sync,
		core.Namespaces().Informer().HasSynced, core.ServiceAccounts().Informer().HasSynced)
	controller.On[*v1.Namespace]{
		Add:    func(ns *v1.Namespace) { loop.Enqueue(ns) },
		Update: func(_, ns *v1.Namespace) { loop.Enqueue(ns) },
	}.Watch(core.Namespaces().Informer())
	controller.On[*v1.ServiceAccount]{
		Delete: func(sa *v1.ServiceAccount) {
			if sa.Name == name {
				loop.Add(sa.Namespace)
			}
		},
	}.Watch(core.ServiceAccounts().Informer())
	return loop
}

func newKeeper(env *controller.Env) *keeper {
	core := env.Informers.Core().V1()
	return &keeper{client: env.Client, namespaces: core.Namespaces().Lister(), accounts: core.ServiceAccounts().Lister()}
}

func (k *keeper) sync(ctx context.Context, namespace string) error {
	ns, err := k.namespaces.Get(namespace)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	if ns.Status.Phase != v1.NamespaceActive {
		return nil
	}
	if _, err = k.accounts.ServiceAccounts(namespace).Get(name); !apierrors.IsNotFound(err) {
		return err
	}
	account := &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	_, err = k.client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{})
	if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
		return nil
	}
	return fmt.Errorf("create service account %s/%s: %w", namespace, name, err)
}

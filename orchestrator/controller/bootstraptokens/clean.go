package bootstraptokens

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/cluster-bootstrap/util/secrets"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Cleaner deletes tokens when they expire.
type Cleaner struct {
	client  kubernetes.Interface
	secrets corelisters.SecretLister
	clock   clock.PassiveClock
}

// NewCleaner returns the loop that deletes.
func NewCleaner(env *controller.Env) controller.Runner {
	informer := env.Informers.Core().V1().Secrets().Informer()
	loop := controller.NewLoop("token-cleaner-controller", 1, newCleaner(env).sync, informer.HasSynced)
	enqueue := func(s *v1.Secret) {
		if isToken(s) {
			loop.Enqueue(s)
		}
	}
	controller.On[*v1.Secret]{Add: enqueue, Update: func(_, s *v1.Secret) { enqueue(s) }}.Watch(informer)
	return loop
}

func newCleaner(env *controller.Env) *Cleaner {
	return &Cleaner{client: env.Client, secrets: env.Informers.Core().V1().Secrets().Lister(), clock: env.Clock}
}

func (c *Cleaner) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return err
	}
	s, err := c.secrets.Secrets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("secret %s: %w", key, err)
	}
	left, expired := secrets.GetExpiration(s, c.clock.Now())
	switch {
	case !isToken(s), !expired && left == 0: // it says no time
		return nil
	case !expired:
		return controller.Later(left)
	}
	err = c.client.CoreV1().Secrets(namespace).Delete(ctx, name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(s.UID))})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete secret %s: %w", key, err)
	}
	return nil
}

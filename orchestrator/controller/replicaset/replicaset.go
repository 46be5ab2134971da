package replicaset

import (
	"context"
	"fmt"

	apps "k8s.io/api/apps/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	lister "k8s.io/client-go/listers/apps/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/replicas"
)

// kind is what its pods call their owner.
var kind = apps.SchemeGroupVersion.WithKind("ReplicaSet")

// New returns the ReplicaSet controller.
func New(env *controller.Env) controller.Runner {
	informer := env.Informers.Apps().V1().ReplicaSets()
	return replicas.New(env, "replicaset", &sets{client: env.Client, informer: informer.Informer(), lister: informer.Lister()})
}

// sets implements replicas.Sets, by what the cache holds itself.
type sets struct {
	client   kubernetes.Interface
	informer cache.SharedIndexInformer
	lister   lister.ReplicaSetLister
}

// Kind implements replicas.Sets.
func (s *sets) Kind() schema.GroupVersionKind { return kind }

// Informer implements replicas.Sets.
func (s *sets) Informer() cache.SharedIndexInformer { return s.informer }

// Get implements replicas.Sets. What the cache holds has no TypeMeta; events find the kind by the Go type.
func (s *sets) Get(namespace, name string) (*apps.ReplicaSet, error) {
	return s.lister.ReplicaSets(namespace).Get(name)
}

// List implements replicas.Sets.
func (s *sets) List(namespace string) ([]*apps.ReplicaSet, error) {
	return s.lister.ReplicaSets(namespace).List(labels.Everything())
}

// Live implements replicas.Sets.
func (s *sets) Live(ctx context.Context, namespace, name string) (metav1.Object, error) {
	set, err := s.client.AppsV1().ReplicaSets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read replica set: %w", err)
	}
	return set, nil
}

// UpdateStatus implements replicas.Sets.
func (s *sets) UpdateStatus(ctx context.Context, set *apps.ReplicaSet, status *apps.ReplicaSetStatus) error {
	if apiequality.Semantic.DeepEqual(&set.Status, status) {
		return nil
	}
	updated := set.DeepCopy()
	updated.Status = *status
	_, err := s.client.AppsV1().ReplicaSets(set.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	return err
}

package replicationcontroller

import (
	"context"
	"fmt"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	lister "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/replicas"
)

// kind is what its pods call their owner.
var kind = v1.SchemeGroupVersion.WithKind("ReplicationController")

// New returns the ReplicationController controller.
func New(env *controller.Env) controller.Runner {
	informer := env.Informers.Core().V1().ReplicationControllers()
	return replicas.New(env, "replication", &sets{client: env.Client, informer: informer.Informer(), lister: informer.Lister()})
}

// sets implements replicas.Sets.
type sets struct {
	client   kubernetes.Interface
	informer cache.SharedIndexInformer
	lister   lister.ReplicationControllerLister
}

// Kind implements replicas.Sets.
func (s *sets) Kind() schema.GroupVersionKind { return kind }

// Informer implements replicas.Sets.
func (s *sets) Informer() cache.SharedIndexInformer { return s.informer }

// Get implements replicas.Sets.
func (s *sets) Get(namespace, name string) (*apps.ReplicaSet, error) {
	rc, err := s.lister.ReplicationControllers(namespace).Get(name)
	if err != nil {
		return nil, err
	}
	return shown(rc), nil
}

// List implements replicas.Sets.
func (s *sets) List(namespace string) ([]*apps.ReplicaSet, error) {
	rcs, err := s.lister.ReplicationControllers(namespace).List(labels.Everything())
	if err != nil {
		return nil, err
	}
	list := make([]*apps.ReplicaSet, len(rcs))
	for i, rc := range rcs {
		list[i] = shown(rc)
	}
	return list, nil
}

// Live implements replicas.Sets.
func (s *sets) Live(ctx context.Context, namespace, name string) (metav1.Object, error) {
	rc, err := s.client.CoreV1().ReplicationControllers(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read replication controller: %w", err)
	}
	return rc, nil
}

// UpdateStatus implements replicas.Sets.
func (s *sets) UpdateStatus(ctx context.Context, set *apps.ReplicaSet, status *apps.ReplicaSetStatus) error {
	rc, err := s.lister.ReplicationControllers(set.Namespace).Get(set.Name)
	if err != nil {
		return err
	}
	updated := rc.DeepCopy()
	updated.ResourceVersion = set.ResourceVersion // what status was made of, lest we write over what came since
	updated.Status = v1.ReplicationControllerStatus{
		Replicas: status.Replicas, FullyLabeledReplicas: status.FullyLabeledReplicas, ReadyReplicas: status.ReadyReplicas,
		AvailableReplicas: status.AvailableReplicas, ObservedGeneration: status.ObservedGeneration,
	}
	for _, c := range status.Conditions {
		updated.Status.Conditions = append(updated.Status.Conditions, v1.ReplicationControllerCondition{
			Type: v1.ReplicationControllerConditionType(c.Type), Status: c.Status,
			LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message,
		})
	}
	if apiequality.Semantic.DeepEqual(&rc.Status, &updated.Status) {
		return nil
	}
	_, err = s.client.CoreV1().ReplicationControllers(set.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	return err
}

// shown is a ReplicationController as a ReplicaSet. It keeps its kind, so that events are about the right object.
func shown(rc *v1.ReplicationController) *apps.ReplicaSet {
	set := &apps.ReplicaSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1.SchemeGroupVersion.String(), Kind: kind.Kind},
		ObjectMeta: rc.ObjectMeta,
		Spec: apps.ReplicaSetSpec{
			Replicas: rc.Spec.Replicas, MinReadySeconds: rc.Spec.MinReadySeconds,
			Selector: &metav1.LabelSelector{MatchLabels: rc.Spec.Selector},
		},
		Status: apps.ReplicaSetStatus{
			Replicas: rc.Status.Replicas, FullyLabeledReplicas: rc.Status.FullyLabeledReplicas, ReadyReplicas: rc.Status.ReadyReplicas,
			AvailableReplicas: rc.Status.AvailableReplicas, ObservedGeneration: rc.Status.ObservedGeneration,
		},
	}
	if rc.Spec.Template != nil {
		set.Spec.Template = *rc.Spec.Template
	}
	for _, c := range rc.Status.Conditions {
		set.Status.Conditions = append(set.Status.Conditions, apps.ReplicaSetCondition{
			Type: apps.ReplicaSetConditionType(c.Type), Status: c.Status,
			LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message,
		})
	}
	return set
}

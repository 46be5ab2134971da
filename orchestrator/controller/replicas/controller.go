package replicas

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	// burst is how many pods one sync creates or deletes at most.
	burst = 500
	// workers is upstream's --concurrent-replicaset-syncs.
	workers = 5
)

// Sets is one of the two kinds of sets, shown as ReplicaSets. What Get and List return carries its real kind in TypeMeta, for
// events are about that.
type Sets interface {
	Kind() schema.GroupVersionKind
	Informer() cache.SharedIndexInformer
	Get(namespace, name string) (*apps.ReplicaSet, error)
	List(namespace string) ([]*apps.ReplicaSet, error)
	// Live reads a set from the apiserver.
	Live(ctx context.Context, namespace, name string) (metav1.Object, error)
	// UpdateStatus writes a status, unless set has it already as far as the kind has fields for it.
	UpdateStatus(ctx context.Context, set *apps.ReplicaSet, status *apps.ReplicaSetStatus) error
}

// Controller is the control loop of one kind of sets.
type Controller struct {
	*controller.Loop
	env        *controller.Env
	sets       Sets
	pods       controller.Pods
	candidates func(owner metav1.Object) ([]*v1.Pod, error)
	expected   *controller.Expectations
}

// New returns the control loop of that name.
func New(env *controller.Env, name string, sets Sets) *Controller {
	c := &Controller{
		env: env, sets: sets,
		pods:       controller.Pods{Client: env.Client, Recorder: env.Recorder(name + "-controller")},
		candidates: controller.PodsByOwner(env),
	}
	pods := env.Informers.Core().V1().Pods().Informer()
	c.Loop = controller.NewLoop(name, workers, c.sync, sets.Informer().HasSynced, pods.HasSynced)
	c.expected = controller.NewExpectations(env.Clock, c.Loop)

	controller.On[metav1.Object]{
		Add:    func(set metav1.Object) { c.Enqueue(set) },
		Update: func(_, set metav1.Object) { c.Enqueue(set) },
		Delete: func(set metav1.Object) {
			c.expected.Forget(cache.MetaObjectToName(set).String())
			c.Enqueue(set)
		},
	}.Watch(sets.Informer())
	controller.Owned[*v1.Pod]{
		Loop: c.Loop, Kind: sets.Kind(), Adopters: c.adopters, Expected: c.expected,
		Owner: func(namespace, name string) (metav1.Object, error) { return sets.Get(namespace, name) },
	}.Watch(pods)
	return c
}

// adopters returns the sets that select an orphan.
func (c *Controller) adopters(pod *v1.Pod) []string {
	sets, err := c.sets.List(pod.Namespace)
	if err != nil {
		return nil // a cache's list cannot fail
	}
	return controller.Selecting(sets, func(set *apps.ReplicaSet) *metav1.LabelSelector { return set.Spec.Selector }, pod.Labels)
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return nil // no retry mends a key
	}
	set, err := c.sets.Get(namespace, name)
	if apierrors.IsNotFound(err) {
		c.expected.Forget(key)
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %s %s: %w", c.sets.Kind().Kind, key, err)
	}
	settled := c.expected.Satisfied(key)
	pods, err := c.claim(ctx, set)
	if err != nil {
		return err
	}
	var active, leaving []*v1.Pod
	for _, pod := range pods {
		switch {
		case controller.Active(pod):
			active = append(active, pod)
		case pod.DeletionTimestamp != nil && pod.Status.Phase != v1.PodFailed && pod.Status.Phase != v1.PodSucceeded:
			leaving = append(leaving, pod)
		}
	}
	var failed error
	if settled && set.DeletionTimestamp == nil {
		failed = c.manage(ctx, key, set, active)
	}
	now := c.env.Clock.Now()
	status := statusOf(set, active, len(leaving), failed, now)
	if err := c.sets.UpdateStatus(ctx, set, status); err != nil {
		return errors.Join(failed, fmt.Errorf("update status of %s %s: %w", c.sets.Kind().Kind, key, err))
	}
	if failed != nil {
		return failed
	}
	if wait := controller.UntilAvailable(active, set.Spec.MinReadySeconds, now); wait > 0 {
		return controller.Later(wait)
	}
	return nil
}

// claim returns the set's pods, adopted ones too.
func (c *Controller) claim(ctx context.Context, set *apps.ReplicaSet) ([]*v1.Pod, error) {
	selector, err := controller.SelectorFor(set.Spec.Selector, set.Spec.Template.Labels)
	if err != nil {
		return nil, fmt.Errorf("%s %s/%s: %w", c.sets.Kind().Kind, set.Namespace, set.Name, err)
	}
	candidates, err := c.candidates(set)
	if err != nil {
		return nil, err
	}
	claim := controller.Claim[*v1.Pod]{
		Owner: set, Kind: c.sets.Kind(), Selector: selector,
		Alive: func(ctx context.Context) (metav1.Object, error) { return c.sets.Live(ctx, set.Namespace, set.Name) },
		Patch: controller.PatchPod(c.env.Client),
	}
	return claim.Of(ctx, candidates)
}

// manage creates the pods that are missing or deletes those that are too many.
func (c *Controller) manage(ctx context.Context, key string, set *apps.ReplicaSet, active []*v1.Pod) error {
	switch missing := int(controller.Replicas(set.Spec.Replicas)) - len(active); {
	case missing > 0:
		return c.create(ctx, key, set, min(missing, burst))
	case missing < 0:
		return c.delete(ctx, key, set, c.surplus(set, active, min(-missing, burst)))
	}
	return nil
}

func (c *Controller) create(ctx context.Context, key string, set *apps.ReplicaSet, n int) error {
	c.expected.ExpectCreations(key, n)
	made, err := controller.SlowStart(n, func() error {
		_, err := c.pods.Create(ctx, set, c.sets.Kind(), &set.Spec.Template, "")
		if apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
			return nil // the set goes with its namespace; its expectation with it
		}
		return err
	})
	for range n - made {
		c.expected.Created(key) // no informer will show it
	}
	return err
}

func (c *Controller) delete(ctx context.Context, key string, set *apps.ReplicaSet, pods []*v1.Pod) error {
	for _, pod := range pods {
		c.expected.ExpectDeletion(key, pod.UID)
	}
	errs := make([]error, len(pods))
	var deletions sync.WaitGroup
	for i, pod := range pods {
		deletions.Go(func() {
			deleted, err := c.pods.Delete(ctx, set, pod)
			if !deleted {
				c.expected.Deleted(key, pod.UID)
			}
			errs[i] = err
		})
	}
	deletions.Wait()
	return errors.Join(errs...)
}

// surplus picks the n pods that are missed least.
func (c *Controller) surplus(set *apps.ReplicaSet, active []*v1.Pod, n int) []*v1.Pod {
	if n == len(active) {
		return active
	}
	rank(active, c.neighbors(set), c.env.Clock.Now())
	return active[:n]
}

// neighbors counts, by node, the active pods of all sets that belong to the same owner: of two pods of a Deployment on one
// node one is missed less than the only pod on another.
func (c *Controller) neighbors(set *apps.ReplicaSet) map[string]int {
	related := []*apps.ReplicaSet{set}
	if owner := metav1.GetControllerOf(set); owner != nil {
		sets, err := c.sets.List(set.Namespace)
		if err != nil {
			sets = nil // the rank is then by the set's own pods
		}
		for _, other := range sets {
			if ref := metav1.GetControllerOf(other); ref != nil && ref.UID == owner.UID && other.UID != set.UID {
				related = append(related, other)
			}
		}
	}
	count := map[string]int{}
	for _, other := range related {
		pods, err := c.candidates(other)
		if err != nil {
			continue
		}
		for _, pod := range pods {
			if controller.Active(pod) && metav1.IsControlledBy(pod, other) {
				count[pod.Spec.NodeName]++
			}
		}
	}
	return count
}

package statefulset

import (
	"context"
	"errors"
	"fmt"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/history"
)

// kind is what its pods call their owner.
var kind = apps.SchemeGroupVersion.WithKind("StatefulSet")

// workers is upstream's --concurrent-statefulset-syncs.
const workers = 5

// Controller is the StatefulSet controller.
type Controller struct {
	*controller.Loop
	client     kubernetes.Interface
	clock      clock.PassiveClock
	events     record.EventRecorder
	sets       listers.StatefulSetLister
	claims     corelisters.PersistentVolumeClaimLister
	history    *history.History
	candidates func(owner metav1.Object) ([]*v1.Pod, error)
	expected   *controller.Expectations
}

// New returns the StatefulSet controller.
func New(env *controller.Env) controller.Runner {
	apis, core := env.Informers.Apps().V1(), env.Informers.Core().V1()
	c := &Controller{
		client: env.Client, clock: env.Clock, events: env.Recorder("statefulset-controller"),
		sets: apis.StatefulSets().Lister(), claims: core.PersistentVolumeClaims().Lister(),
		history: &history.History{
			Client: env.Client, Lister: apis.ControllerRevisions().Lister(), Kind: kind, HashLabel: "controller.kubernetes.io/hash",
		},
		candidates: controller.PodsByOwner(env),
	}
	sets, pods := apis.StatefulSets().Informer(), core.Pods().Informer()
	c.Loop = controller.NewLoop("statefulset", workers, c.sync, sets.HasSynced, pods.HasSynced,
		core.PersistentVolumeClaims().Informer().HasSynced, apis.ControllerRevisions().Informer().HasSynced)
	c.expected = controller.NewExpectations(env.Clock, c.Loop)

	controller.On[*apps.StatefulSet]{
		Add:    func(set *apps.StatefulSet) { c.Enqueue(set) },
		Update: func(_, set *apps.StatefulSet) { c.Enqueue(set) },
		Delete: func(set *apps.StatefulSet) {
			c.expected.Forget(cache.MetaObjectToName(set).String())
			c.Enqueue(set)
		},
	}.Watch(sets)
	controller.Owned[*v1.Pod]{
		Loop: c.Loop, Kind: kind, Adopters: c.adopters, Expected: c.expected,
		Owner: func(namespace, name string) (metav1.Object, error) { return c.sets.StatefulSets(namespace).Get(name) },
	}.Watch(pods)
	return c
}

// adopters returns the sets that select an orphan.
func (c *Controller) adopters(pod *v1.Pod) []string {
	sets, err := c.sets.StatefulSets(pod.Namespace).List(labels.Everything())
	if err != nil {
		return nil // a cache's list cannot fail
	}
	return controller.Selecting(sets, func(set *apps.StatefulSet) *metav1.LabelSelector { return set.Spec.Selector }, pod.Labels)
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return nil // no retry mends a key
	}
	set, err := c.sets.StatefulSets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		c.expected.Forget(key)
		return nil
	}
	if err != nil {
		return fmt.Errorf("get stateful set %s: %w", key, err)
	}
	selector, err := controller.SelectorFor(set.Spec.Selector, set.Spec.Template.Labels)
	if err != nil {
		return fmt.Errorf("stateful set %s: %w", key, err)
	}
	settled := c.expected.Satisfied(key)
	p, err := c.newPass(ctx, key, set, selector)
	if err != nil {
		return err
	}
	if settled && set.DeletionTimestamp == nil {
		err = p.converge(ctx)
	}
	if err := errors.Join(err, p.writeStatus(ctx)); err != nil {
		return err
	}
	if wait := controller.UntilAvailable(p.pods, set.Spec.MinReadySeconds, p.now); wait > 0 {
		return controller.Later(wait)
	}
	return nil
}

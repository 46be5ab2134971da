package daemonset

import (
	"context"
	"errors"
	"fmt"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/history"
)

// kind is what its pods call their owner.
var kind = apps.SchemeGroupVersion.WithKind("DaemonSet")

const (
	// workers is upstream's --concurrent-daemonset-syncs.
	workers = 2
	// burst is how many pods one sync creates or deletes at most.
	burst = 250
)

// Controller is the DaemonSet controller.
type Controller struct {
	*controller.Loop
	client     kubernetes.Interface
	clock      clock.PassiveClock
	events     record.EventRecorder
	sets       listers.DaemonSetLister
	nodes      corelisters.NodeLister
	history    *history.History
	pods       controller.Pods
	candidates func(owner metav1.Object) ([]*v1.Pod, error)
	expected   *controller.Expectations
	failures   *flowcontrol.Backoff // of pods that fail again and again, by set and node
}

// New returns the DaemonSet controller.
func New(env *controller.Env) controller.Runner {
	apis, core := env.Informers.Apps().V1(), env.Informers.Core().V1()
	events := env.Recorder("daemonset-controller")
	c := &Controller{
		client: env.Client, clock: env.Clock, events: events,
		sets: apis.DaemonSets().Lister(), nodes: core.Nodes().Lister(),
		history: &history.History{
			Client: env.Client, Lister: apis.ControllerRevisions().Lister(), Kind: kind, HashLabel: apps.ControllerRevisionHashLabelKey,
		},
		pods:       controller.Pods{Client: env.Client, Recorder: events},
		candidates: controller.PodsByOwner(env),
		failures:   flowcontrol.NewFakeBackOff(time.Second, 15*time.Minute, env.Clock), // "fake" only in that its clock is given
	}
	sets, revisions := apis.DaemonSets().Informer(), apis.ControllerRevisions().Informer()
	pods, nodes := core.Pods().Informer(), core.Nodes().Informer()
	c.Loop = controller.NewLoop("daemonset", workers, c.sync, sets.HasSynced, pods.HasSynced, nodes.HasSynced, revisions.HasSynced)
	c.expected = controller.NewExpectations(env.Clock, c.Loop)

	controller.On[*apps.DaemonSet]{
		Add:    func(ds *apps.DaemonSet) { c.Enqueue(ds) },
		Update: func(_, ds *apps.DaemonSet) { c.Enqueue(ds) },
		Delete: func(ds *apps.DaemonSet) {
			c.expected.Forget(cache.MetaObjectToName(ds).String())
			c.Enqueue(ds)
		},
	}.Watch(sets)
	owner := func(namespace, name string) (metav1.Object, error) { return c.sets.DaemonSets(namespace).Get(name) }
	controller.Owned[*v1.Pod]{
		Loop: c.Loop, Kind: kind, Owner: owner, Expected: c.expected,
		Adopters: func(pod *v1.Pod) []string { return c.selecting(pod.Namespace, pod.Labels) },
	}.Watch(pods)
	controller.Owned[*apps.ControllerRevision]{
		Loop: c.Loop, Kind: kind, Owner: owner,
		Adopters: func(rev *apps.ControllerRevision) []string { return c.selecting(rev.Namespace, rev.Labels) },
	}.Watch(revisions)
	controller.On[*v1.Node]{
		Add:    func(*v1.Node) { c.enqueueAll() },
		Update: c.nodeChanged,
		Delete: func(*v1.Node) { c.enqueueAll() },
	}.Watch(nodes)
	return c
}

// nodeChanged looks at all DaemonSets if something changed by which a node may fit one.
func (c *Controller) nodeChanged(old, node *v1.Node) {
	if !apiequality.Semantic.DeepEqual(old.Labels, node.Labels) || !apiequality.Semantic.DeepEqual(old.Spec.Taints, node.Spec.Taints) {
		c.enqueueAll()
	}
}

func (c *Controller) enqueueAll() {
	sets, err := c.sets.List(labels.Everything())
	if err != nil {
		return // a cache's list cannot fail
	}
	for _, ds := range sets {
		c.Enqueue(ds)
	}
}

// selecting returns the DaemonSets that select what has these labels.
func (c *Controller) selecting(namespace string, of labels.Set) []string {
	sets, err := c.sets.DaemonSets(namespace).List(labels.Everything())
	if err != nil {
		return nil // a cache's list cannot fail
	}
	return controller.Selecting(sets, func(ds *apps.DaemonSet) *metav1.LabelSelector { return ds.Spec.Selector }, of)
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return nil // no retry mends a key
	}
	ds, err := c.sets.DaemonSets(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		c.expected.Forget(key)
		return nil
	}
	if err != nil {
		return fmt.Errorf("get daemon set %s: %w", key, err)
	}
	if everything := (&metav1.LabelSelector{}); apiequality.Semantic.DeepEqual(ds.Spec.Selector, everything) {
		c.events.Event(ds, v1.EventTypeWarning, "SelectingAll",
			"This daemon set is selecting all pods. A non-empty selector is required.")
		return nil
	}
	if ds.DeletionTimestamp != nil {
		return nil
	}
	selector, err := controller.SelectorFor(ds.Spec.Selector, ds.Spec.Template.Labels)
	if err != nil {
		return fmt.Errorf("daemon set %s: %w", key, err)
	}
	settled := c.expected.Satisfied(key)
	p, err := c.newPass(ctx, key, ds, selector)
	if err != nil {
		return err
	}
	if settled {
		err = p.converge(ctx)
	}
	if err := errors.Join(err, p.writeStatus(ctx)); err != nil {
		return err
	}
	return p.again()
}

package deployment

import (
	"context"
	"fmt"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/apps/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

// kind is what its ReplicaSets call their owner.
var kind = apps.SchemeGroupVersion.WithKind("Deployment")

// workers is upstream's --concurrent-deployment-syncs.
const workers = 5

// Controller is the Deployment controller.
type Controller struct {
	*controller.Loop
	client      kubernetes.Interface
	clock       clock.PassiveClock
	events      record.EventRecorder
	deployments listers.DeploymentLister
	sets        listers.ReplicaSetLister
	podsOf      func(owner metav1.Object) ([]*v1.Pod, error)
}

// New returns the Deployment controller.
func New(env *controller.Env) controller.Runner {
	deployments, sets := env.Informers.Apps().V1().Deployments(), env.Informers.Apps().V1().ReplicaSets()
	pods := env.Informers.Core().V1().Pods()
	c := &Controller{
		client: env.Client, clock: env.Clock, events: env.Recorder("deployment-controller"),
		deployments: deployments.Lister(), sets: sets.Lister(), podsOf: controller.PodsByOwner(env),
	}
	c.Loop = controller.NewLoop("deployment", workers, c.sync,
		deployments.Informer().HasSynced, sets.Informer().HasSynced, pods.Informer().HasSynced)

	controller.Any(func(d *apps.Deployment) { c.Enqueue(d) }).Watch(deployments.Informer())
	controller.Owned[*apps.ReplicaSet]{
		Loop: c.Loop, Kind: kind, Adopters: c.adopters,
		Owner: func(namespace, name string) (metav1.Object, error) {
			return c.deployments.Deployments(namespace).Get(name)
		},
	}.Watch(sets.Informer())
	controller.On[*v1.Pod]{Delete: c.podGone}.Watch(pods.Informer())
	return c
}

// podGone wakes a Deployment that starts new pods only when the old ones are gone.
func (c *Controller) podGone(pod *v1.Pod) {
	ref := metav1.GetControllerOf(pod)
	if ref == nil || ref.Kind != "ReplicaSet" {
		return
	}
	set, err := c.sets.ReplicaSets(pod.Namespace).Get(ref.Name)
	if err != nil || set.UID != ref.UID {
		return
	}
	if ref = metav1.GetControllerOf(set); ref == nil || ref.Kind != kind.Kind {
		return
	}
	d, err := c.deployments.Deployments(pod.Namespace).Get(ref.Name)
	if err == nil && d.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType {
		c.Enqueue(d)
	}
}

// adopters returns the Deployments that select a ReplicaSet without an owner.
func (c *Controller) adopters(set *apps.ReplicaSet) []string {
	deployments, err := c.deployments.Deployments(set.Namespace).List(labels.Everything())
	if err != nil {
		return nil // a cache's list cannot fail
	}
	return controller.Selecting(deployments, func(d *apps.Deployment) *metav1.LabelSelector { return d.Spec.Selector }, set.Labels)
}

func (c *Controller) sync(ctx context.Context, key string) error {
	namespace, name, err := controller.Split(key)
	if err != nil {
		return nil // no retry mends a key
	}
	d, err := c.deployments.Deployments(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get deployment %s: %w", key, err)
	}
	if everything := (&metav1.LabelSelector{}); apiequality.Semantic.DeepEqual(d.Spec.Selector, everything) {
		c.events.Event(d, v1.EventTypeWarning, "SelectingAll",
			"This deployment is selecting all pods. A non-empty selector is required.")
		return c.observe(ctx, d)
	}
	selector, err := controller.SelectorFor(d.Spec.Selector, d.Spec.Template.Labels)
	if err != nil {
		return fmt.Errorf("deployment %s: %w", key, err)
	}
	sets, err := c.claim(ctx, d, selector)
	if err != nil {
		return err
	}
	return newRollout(c, d, sets).sync(ctx)
}

// observe says that a Deployment was seen with which nothing can be done.
func (c *Controller) observe(ctx context.Context, d *apps.Deployment) error {
	r := newRollout(c, d, nil)
	status := d.Status.DeepCopy()
	status.ObservedGeneration = d.Generation
	return r.writeStatus(ctx, status)
}

// claim returns a Deployment's ReplicaSets, adopted ones too.
func (c *Controller) claim(ctx context.Context, d *apps.Deployment, selector labels.Selector) ([]*apps.ReplicaSet, error) {
	candidates, err := c.sets.ReplicaSets(d.Namespace).List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list replica sets: %w", err)
	}
	claim := controller.Claim[*apps.ReplicaSet]{
		Owner: d, Kind: kind, Selector: selector,
		Alive: func(ctx context.Context) (metav1.Object, error) {
			return c.client.AppsV1().Deployments(d.Namespace).Get(ctx, d.Name, metav1.GetOptions{})
		},
		Patch: func(ctx context.Context, set *apps.ReplicaSet, patch []byte) error {
			sets := c.client.AppsV1().ReplicaSets(set.Namespace)
			_, err := sets.Patch(ctx, set.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
			return err
		},
	}
	return claim.Of(ctx, candidates)
}

package podgc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	period = 20 * time.Second
	// quarantine is how long a node must be missing: one that is created anew, by an upgrade for instance, keeps its pods.
	quarantine = 40 * time.Second
)

// Controller collects pods.
type Controller struct {
	env       *controller.Env
	pods      corelisters.PodLister
	nodes     corelisters.NodeLister
	synced    []cache.InformerSynced
	threshold int
	missing   map[string]time.Time // nodes that pods name, by when they were missed first
}

// New returns the collector. As many pods as terminatedPodThreshold may remain after they have ended; all, if it is not positive.
func New(env *controller.Env, terminatedPodThreshold int) controller.Runner {
	return newController(env, terminatedPodThreshold)
}

func newController(env *controller.Env, threshold int) *Controller {
	pods, nodes := env.Informers.Core().V1().Pods(), env.Informers.Core().V1().Nodes()
	return &Controller{
		env: env, pods: pods.Lister(), nodes: nodes.Lister(), threshold: threshold, missing: map[string]time.Time{},
		synced: []cache.InformerSynced{pods.Informer().HasSynced, nodes.Informer().HasSynced},
	}
}

// Run implements controller.Runner.
func (c *Controller) Run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), c.synced...) {
		return
	}
	controller.Every(c.env.Clock, period, func(ctx context.Context) {
		if err := c.gc(ctx); err != nil {
			runtime.HandleErrorWithContext(ctx, err, "Pods were not collected")
		}
	}).Run(ctx)
}

func (c *Controller) gc(ctx context.Context) error {
	pods, err := c.pods.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	byName := map[string]*corev1.Node{}
	for _, n := range nodes {
		byName[n.Name] = n
	}
	var errs []error
	for _, p := range c.surplus(pods) {
		errs = append(errs, c.collect(ctx, p, nil))
	}
	gone, err := c.goneNodes(ctx, pods, byName)
	errs = append(errs, err)
	for _, p := range pods {
		switch {
		case p.Spec.NodeName != "" && gone[p.Spec.NodeName]:
			errs = append(errs, c.collect(ctx, p, &corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue,
				Reason: "DeletionByPodGC", Message: "PodGC: node no longer exists", LastTransitionTime: metav1.NewTime(c.env.Clock.Now())}))
		case p.DeletionTimestamp != nil && (p.Spec.NodeName == "" || outOfService(byName[p.Spec.NodeName])):
			errs = append(errs, c.collect(ctx, p, nil))
		}
	}
	return errors.Join(errs...)
}

// surplus are the oldest of the pods that have ended, beyond the threshold.
func (c *Controller) surplus(pods []*corev1.Pod) []*corev1.Pod {
	if c.threshold <= 0 {
		return nil
	}
	over := slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return !controller.Ended(p) })
	slices.SortFunc(over, func(a, b *corev1.Pod) int {
		if order := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); order != 0 {
			return order
		}
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return over[:max(0, len(over)-c.threshold)]
}

// goneNodes are the nodes that pods name and that are gone for certain.
func (c *Controller) goneNodes(ctx context.Context, pods []*corev1.Pod, nodes map[string]*corev1.Node) (map[string]bool, error) {
	now, missing, gone := c.env.Clock.Now(), map[string]time.Time{}, map[string]bool{}
	for _, p := range pods {
		name := p.Spec.NodeName
		if name == "" || nodes[name] != nil {
			continue
		}
		missing[name] = now
		if since, known := c.missing[name]; known {
			missing[name] = since
		}
	}
	c.missing = missing
	var errs []error
	for name, since := range missing {
		if now.Sub(since) < quarantine {
			continue
		}
		switch _, err := c.env.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{}); {
		case apierrors.IsNotFound(err):
			gone[name] = true
		case err != nil:
			errs = append(errs, fmt.Errorf("read node %s: %w", name, err))
		}
	}
	return gone, errors.Join(errs...)
}

// outOfService tells that an administrator says that a node is shut down, and that it is not heard of.
func outOfService(n *corev1.Node) bool {
	if n == nil {
		return false
	}
	tainted := slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeOutOfService })
	ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	return tainted && !ready
}

// collect marks a pod as failed, unless it has ended, and deletes it. One that is gone is no error.
func (c *Controller) collect(ctx context.Context, p *corev1.Pod, why *corev1.PodCondition) error {
	client := c.env.Client.CoreV1().Pods(p.Namespace)
	if !controller.Ended(p) {
		status := map[string]any{"phase": corev1.PodFailed}
		if why != nil {
			status["conditions"] = []corev1.PodCondition{*why}
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": p.UID}, "status": status})
		if err == nil {
			_, err = client.Patch(ctx, p.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mark pod %s/%s: %w", p.Namespace, p.Name, err)
		}
	}
	at := metav1.NewDeleteOptions(0)
	at.Preconditions = metav1.NewUIDPreconditions(string(p.UID))
	if err := client.Delete(ctx, p.Name, *at); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}

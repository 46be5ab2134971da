package daemonset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/petcd/petcd/orchestrator/controller"
)

// pass is one sync of one DaemonSet, and what it sees.
type pass struct {
	*Controller
	key string
	ds  *apps.DaemonSet
	now time.Time

	all    []*v1.Node
	byNode map[string][]*v1.Pod // by the node that a pod is on or asks for; those that are bound first, then the older

	revisions  []*apps.ControllerRevision
	current    *apps.ControllerRevision // of the template in force
	collisions *int32
	template   *v1.PodTemplateSpec // as the pods get it

	wait time.Duration // until there is something to do that no event will tell; 0 is never
}

func (c *Controller) newPass(ctx context.Context, key string, ds *apps.DaemonSet, selector labels.Selector) (*pass, error) {
	p := &pass{Controller: c, key: key, ds: ds, now: c.clock.Now(), byNode: map[string][]*v1.Pod{}}
	alive := func(ctx context.Context) (metav1.Object, error) {
		return c.client.AppsV1().DaemonSets(ds.Namespace).Get(ctx, ds.Name, metav1.GetOptions{})
	}
	var err error
	if p.all, err = c.nodes.List(labels.Everything()); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	slices.SortFunc(p.all, func(a, b *v1.Node) int { return cmp.Compare(a.Name, b.Name) })
	if p.revisions, err = c.history.Of(ctx, ds, selector, alive); err != nil {
		return nil, err
	}
	p.current, p.collisions, err = c.history.Current(ctx, ds, &ds.Spec.Template, p.revisions, ds.Status.CollisionCount)
	if err != nil {
		return nil, err
	}
	p.template = podTemplate(ds, p.current.Labels[apps.ControllerRevisionHashLabelKey])

	candidates, err := c.candidates(ds)
	if err != nil {
		return nil, err
	}
	claim := controller.Claim[*v1.Pod]{Owner: ds, Kind: kind, Selector: selector, Alive: alive, Patch: controller.PatchPod(c.client)}
	pods, err := claim.Of(ctx, candidates)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(pods, func(a, b *v1.Pod) int {
		if aBound, bBound := a.Spec.NodeName != "", b.Spec.NodeName != ""; aBound != bBound {
			if aBound {
				return -1
			}
			return 1
		}
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, pod := range pods {
		p.byNode[nodeOf(pod)] = append(p.byNode[nodeOf(pod)], pod)
	}
	return p, nil
}

// converge makes or deletes what is missing or wrong. Only when nothing is does it replace pods of an old template.
func (p *pass) converge(ctx context.Context) error {
	steps := []func(context.Context) ([]*v1.Node, []*v1.Pod){p.misplaced}
	if p.ds.Spec.UpdateStrategy.Type != apps.OnDeleteDaemonSetStrategyType {
		steps = append(steps, p.outdated)
	}
	for _, step := range steps {
		nodes, pods := step(ctx)
		if len(nodes)+len(pods) > 0 {
			return p.apply(ctx, nodes, pods)
		}
	}
	return p.history.Cut(ctx, p.revisions, p.inUse, p.ds.Spec.RevisionHistoryLimit)
}

// inUse tells that a revision is that of a pod or the one in force.
func (p *pass) inUse(rev *apps.ControllerRevision) bool {
	if rev.UID == p.current.UID {
		return true
	}
	hash := rev.Labels[apps.ControllerRevisionHashLabelKey]
	for _, pods := range p.byNode {
		if slices.ContainsFunc(pods, func(pod *v1.Pod) bool { return pod.Labels[apps.ControllerRevisionHashLabelKey] == hash }) {
			return true
		}
	}
	return false
}

// updated tells that a pod has the template in force.
func (p *pass) updated(pod *v1.Pod) bool {
	return pod.Labels[apps.ControllerRevisionHashLabelKey] == p.current.Labels[apps.ControllerRevisionHashLabelKey]
}

func (p *pass) available(pod *v1.Pod) bool {
	return controller.Available(pod, p.ds.Spec.MinReadySeconds, p.now)
}

// lookAgain sees to it that there is another pass when d has passed.
func (p *pass) lookAgain(d time.Duration) {
	if d > 0 && (p.wait == 0 || d < p.wait) {
		p.wait = d
	}
}

// again returns what the loop is to do after a pass that did not fail.
func (p *pass) again() error {
	for _, pods := range p.byNode {
		p.lookAgain(controller.UntilAvailable(pods, p.ds.Spec.MinReadySeconds, p.now))
	}
	if p.wait == 0 {
		return nil
	}
	return controller.Later(p.wait)
}

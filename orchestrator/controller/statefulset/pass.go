package statefulset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/history"
)

// pass is one sync of one StatefulSet, and what it sees.
type pass struct {
	*Controller
	key string
	set *apps.StatefulSet
	now time.Time

	pods    []*v1.Pod // all, by ordinal
	members []*v1.Pod // those that shall be, by ordinal from start; nil where one is missing
	excess  []*v1.Pod // those that shall not, the last one first

	revisions       []*apps.ControllerRevision
	current, update *apps.ControllerRevision // that which the set had, and that of its template; the same if no update goes on
	collisions      *int32
}

func (c *Controller) newPass(ctx context.Context, key string, set *apps.StatefulSet, selector labels.Selector) (*pass, error) {
	p := &pass{Controller: c, key: key, set: set, now: c.clock.Now(), members: make([]*v1.Pod, wanted(set))}
	alive := func(ctx context.Context) (metav1.Object, error) {
		return c.client.AppsV1().StatefulSets(set.Namespace).Get(ctx, set.Name, metav1.GetOptions{})
	}
	var err error
	if p.revisions, err = c.history.Of(ctx, set, selector, alive); err != nil {
		return nil, err
	}
	p.update, p.collisions, err = c.history.Current(ctx, set, &set.Spec.Template, p.revisions, set.Status.CollisionCount)
	if err != nil {
		return nil, err
	}
	p.current = p.update
	for _, rev := range p.revisions {
		if rev.Name == set.Status.CurrentRevision {
			p.current = rev
		}
	}
	candidates, err := c.candidates(set)
	if err != nil {
		return nil, err
	}
	candidates = slices.DeleteFunc(candidates, func(pod *v1.Pod) bool { return ordinalOf(set, pod) < 0 })
	claim := controller.Claim[*v1.Pod]{Owner: set, Kind: kind, Selector: selector, Alive: alive, Patch: controller.PatchPod(c.client)}
	if p.pods, err = claim.Of(ctx, candidates); err != nil {
		return nil, err
	}
	slices.SortFunc(p.pods, func(a, b *v1.Pod) int { return cmp.Compare(ordinalOf(set, a), ordinalOf(set, b)) })
	for _, pod := range p.pods {
		if i := ordinalOf(set, pod) - start(set); i >= 0 && i < len(p.members) {
			p.members[i] = pod
		} else {
			p.excess = append(p.excess, pod)
		}
	}
	slices.Reverse(p.excess)
	return p, nil
}

// ordered tells that one pod after the other is dealt with, each when the one before it is done.
func (p *pass) ordered() bool { return p.set.Spec.PodManagementPolicy != apps.ParallelPodManagement }

// converge creates the pods that are missing, then deletes those that are too many, then replaces those of an old revision.
func (p *pass) converge(ctx context.Context) error {
	for i := range p.members {
		if done, err := p.keep(ctx, i); err != nil || (!done && p.ordered()) {
			return err
		}
	}
	for _, pod := range p.excess {
		if err := p.ownClaims(ctx, pod, ordinalOf(p.set, pod), true); err != nil {
			return err
		}
	}
	for _, pod := range p.excess {
		if done, err := p.dismiss(ctx, pod); err != nil || (!done && p.ordered()) {
			return err
		}
	}
	if err := p.history.Cut(ctx, p.revisions, p.inUse, p.set.Spec.RevisionHistoryLimit); err != nil {
		return err
	}
	return p.replaceOutdated(ctx)
}

// keep sees to it that a member is there, and tells that there is nothing left to wait for.
func (p *pass) keep(ctx context.Context, i int) (done bool, err error) {
	ordinal, pod := start(p.set)+i, p.members[i]
	switch {
	case pod == nil:
		return false, p.create(ctx, ordinal)
	case pod.DeletionTimestamp != nil:
		return false, nil
	case pod.Status.Phase == v1.PodFailed:
		p.events.Eventf(p.set, v1.EventTypeWarning, "RecreatingFailedPod",
			"StatefulSet %s/%s is recreating failed Pod %s", p.set.Namespace, p.set.Name, pod.Name)
		return false, p.delete(ctx, pod)
	case pod.Status.Phase == v1.PodSucceeded:
		p.events.Eventf(p.set, v1.EventTypeNormal, "RecreatingTerminatedPod",
			"StatefulSet %s/%s is recreating terminated Pod %s", p.set.Namespace, p.set.Name, pod.Name)
		return false, p.delete(ctx, pod)
	}
	if !ready(pod) && pod.Spec.NodeName == "" {
		if err := p.ensureClaims(ctx, pod, ordinal); err != nil { // somebody may have deleted one before it was bound
			return false, err
		}
	}
	if p.ordered() && !p.available(pod) {
		return false, nil
	}
	if err := p.ownClaims(ctx, pod, ordinal, false); err != nil {
		return false, err
	}
	if named := pod.DeepCopy(); identify(named, ordinal) {
		if _, err := p.client.CoreV1().Pods(pod.Namespace).Update(ctx, named, metav1.UpdateOptions{}); err != nil {
			return false, fmt.Errorf("identify pod %s: %w", pod.Name, err)
		}
	}
	return true, nil
}

// create makes the pod of an ordinal, and before it the claims that it mounts.
func (p *pass) create(ctx context.Context, ordinal int) error {
	rev, template := p.update, &p.set.Spec.Template
	if p.below(ordinal) && p.current.Name != p.update.Name {
		old, err := history.Template(p.current)
		if err != nil {
			return err
		}
		rev, template = p.current, old
	}
	pod := newPod(p.set, template, rev.Name, ordinal)
	if err := p.ensureClaims(ctx, pod, ordinal); err != nil {
		return err
	}
	p.expected.ExpectCreations(p.key, 1)
	_, err := p.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err == nil {
		p.events.Eventf(p.set, v1.EventTypeNormal, "SuccessfulCreate",
			"create Pod %s in StatefulSet %s successful", pod.Name, p.set.Name)
		return nil
	}
	p.expected.Created(p.key) // no informer will show it
	if apierrors.HasStatusCause(err, v1.NamespaceTerminatingCause) {
		return nil // the set goes with its namespace
	}
	if !apierrors.IsAlreadyExists(err) {
		p.events.Eventf(p.set, v1.EventTypeWarning, "FailedCreate",
			"create Pod %s in StatefulSet %s failed error: %s", pod.Name, p.set.Name, err)
	}
	return fmt.Errorf("create pod %s: %w", pod.Name, err)
}

// dismiss deletes a pod that is one too many, and tells that there is nothing left to wait for. In order, a pod that is not
// healthy waits for those before it: perhaps it needs them to become so.
func (p *pass) dismiss(ctx context.Context, pod *v1.Pod) (done bool, err error) {
	if pod.DeletionTimestamp != nil || (p.ordered() && !p.available(pod) && pod != p.firstUnhealthy()) {
		return false, nil
	}
	return false, p.delete(ctx, pod)
}

func (p *pass) delete(ctx context.Context, pod *v1.Pod) error {
	p.expected.ExpectDeletion(p.key, pod.UID)
	err := p.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name,
		metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	if err != nil {
		p.expected.Deleted(p.key, pod.UID)
		if apierrors.IsNotFound(err) {
			return nil
		}
		p.events.Eventf(p.set, v1.EventTypeWarning, "FailedDelete",
			"delete Pod %s in StatefulSet %s failed error: %s", pod.Name, p.set.Name, err)
		return fmt.Errorf("delete pod %s: %w", pod.Name, err)
	}
	p.events.Eventf(p.set, v1.EventTypeNormal, "SuccessfulDelete",
		"delete Pod %s in StatefulSet %s successful", pod.Name, p.set.Name)
	return nil
}

// firstUnhealthy is the first member that is not ready or, if all are, the first one too many that isn't; nil if there is none.
func (p *pass) firstUnhealthy() *v1.Pod {
	excess := slices.Clone(p.excess)
	slices.Reverse(excess)
	for _, pod := range slices.Concat(p.members, excess) {
		if pod != nil && (!ready(pod) || pod.DeletionTimestamp != nil) {
			return pod
		}
	}
	return nil
}

// ready tells that a pod runs and takes traffic.
func ready(pod *v1.Pod) bool { return pod.Status.Phase == v1.PodRunning && controller.Ready(pod) }

// available tells that a pod has been ready for long enough, and stays.
func (p *pass) available(pod *v1.Pod) bool {
	return ready(pod) && pod.DeletionTimestamp == nil && controller.Available(pod, p.set.Spec.MinReadySeconds, p.now)
}

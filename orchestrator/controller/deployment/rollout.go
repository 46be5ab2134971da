package deployment

import (
	"cmp"
	"context"
	"errors"
	"slices"

	apps "k8s.io/api/apps/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// rollout is one sync of one Deployment.
type rollout struct {
	*Controller
	seen *apps.Deployment // as the cache has it
	d    *apps.Deployment // ours to change

	current *apps.ReplicaSet   // that of the template; nil if there is none yet
	old     []*apps.ReplicaSet // all others, oldest first
}

func newRollout(c *Controller, d *apps.Deployment, sets []*apps.ReplicaSet) *rollout {
	r := &rollout{Controller: c, seen: d, d: d.DeepCopy()}
	slices.SortFunc(sets, byAge)
	for _, set := range sets {
		if r.current == nil && sameTemplate(set, d) {
			r.current = set
		} else {
			r.old = append(r.old, set)
		}
	}
	return r
}

// byAge puts older ReplicaSets first.
func byAge(a, b *apps.ReplicaSet) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// sameTemplate tells that a ReplicaSet makes the Deployment's pods. The hash label is the controller's own.
func sameTemplate(set *apps.ReplicaSet, d *apps.Deployment) bool {
	a, b := set.Spec.Template.DeepCopy(), d.Spec.Template.DeepCopy()
	delete(a.Labels, apps.DefaultDeploymentUniqueLabelKey)
	delete(b.Labels, apps.DefaultDeploymentUniqueLabelKey)
	return apiequality.Semantic.DeepEqual(a, b)
}

// sync makes one step and writes what came of it.
func (r *rollout) sync(ctx context.Context) error {
	if r.d.DeletionTimestamp != nil {
		return r.writeStatus(ctx, r.status())
	}
	r.notePause()
	if r.d.Spec.Paused || r.rescaled() {
		// Sizes may change while no rollout goes on; whether it makes progress is not asked.
		err := r.resize(ctx)
		return errors.Join(err, r.writeStatus(ctx, r.status()))
	}
	if err := r.step(ctx); err != nil {
		return errors.Join(err, r.writeStatus(ctx, r.status()))
	}
	status := r.status()
	r.judgeProgress(status)
	if err := r.writeStatus(ctx, status); err != nil {
		return err
	}
	return r.againBeforeDeadline(status)
}

// step brings the pods one step nearer to the template.
func (r *rollout) step(ctx context.Context) error {
	step := r.roll
	if r.d.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType {
		step = r.recreate
	}
	if changed, err := step(ctx); changed || err != nil {
		return err
	}
	if complete(r.d, &r.d.Status) {
		return r.cleanUp(ctx)
	}
	return nil
}

// all returns the ReplicaSets, the current one last.
func (r *rollout) all() []*apps.ReplicaSet {
	if r.current == nil {
		return slices.Clone(r.old)
	}
	return append(slices.Clone(r.old), r.current)
}

// replace puts a ReplicaSet as the apiserver has it now in the place of the one that we had.
func (r *rollout) replace(set *apps.ReplicaSet) {
	if r.current != nil && r.current.UID == set.UID {
		r.current = set
		return
	}
	for i := range r.old {
		if r.old[i].UID == set.UID {
			r.old[i] = set
		}
	}
}

// update writes a change of a ReplicaSet.
func (r *rollout) update(ctx context.Context, set *apps.ReplicaSet) error {
	updated, err := r.client.AppsV1().ReplicaSets(set.Namespace).Update(ctx, set, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	r.replace(updated)
	return nil
}

// active returns those ReplicaSets that shall have pods.
func active(sets []*apps.ReplicaSet) []*apps.ReplicaSet {
	return slices.DeleteFunc(slices.Clone(sets), func(set *apps.ReplicaSet) bool { return size(set) == 0 })
}

// size is how many pods a ReplicaSet shall have.
func size(set *apps.ReplicaSet) int32 { return controller.Replicas(set.Spec.Replicas) }

// sizes is how many pods ReplicaSets shall have together.
func sizes(sets []*apps.ReplicaSet) (n int32) {
	for _, set := range sets {
		n += size(set)
	}
	return n
}

// available is how many pods of ReplicaSets are available and will be. A status may be older than a size: pods above the size,
// which the status still counts, are about to go.
func available(sets ...*apps.ReplicaSet) (n int32) {
	for _, set := range sets {
		n += min(set.Status.AvailableReplicas, size(set))
	}
	return n
}

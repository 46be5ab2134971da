package deployment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The annotations that the controller keeps its notes in. kubectl rollout reads the first.
const (
	revisionAnnotation = "deployment.kubernetes.io/revision"
	historyAnnotation  = "deployment.kubernetes.io/revision-history"
	desiredAnnotation  = "deployment.kubernetes.io/desired-replicas"
	maxAnnotation      = "deployment.kubernetes.io/max-replicas"
)

// maxHistory is how long a list of past revisions may become, in bytes.
const maxHistory = 2000

// private are a Deployment's annotations that its ReplicaSets don't get.
var private = []string{
	v1.LastAppliedConfigAnnotation, revisionAnnotation, historyAnnotation, desiredAnnotation, maxAnnotation, apps.DeprecatedRollbackTo,
}

// revision is an object's revision; 0 if it has none.
func revision(obj metav1.Object) int64 {
	n, err := strconv.ParseInt(obj.GetAnnotations()[revisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// annotated reads a number from an annotation.
func annotated(set *apps.ReplicaSet, name string) (n int32, ok bool) {
	v, err := strconv.ParseInt(set.Annotations[name], 10, 32)
	return int32(v), err == nil
}

// annotate sets an annotation and tells whether it was another.
func annotate(set *apps.ReplicaSet, name, value string) bool {
	if was, has := set.Annotations[name]; has && was == value {
		return false
	}
	metav1.SetMetaDataAnnotation(&set.ObjectMeta, name, value)
	return true
}

// noteSizes writes down on a ReplicaSet for what size of the Deployment its own was chosen.
func noteSizes(d *apps.Deployment, set *apps.ReplicaSet) bool {
	surge, _ := limits(d)
	desired := annotate(set, desiredAnnotation, fmt.Sprint(wanted(d)))
	most := annotate(set, maxAnnotation, fmt.Sprint(wanted(d)+surge))
	return desired || most
}

// nextRevision is the current template's: one more than any other has.
func (r *rollout) nextRevision() int64 {
	var last int64
	for _, set := range r.old {
		last = max(last, revision(set))
	}
	return last + 1
}

// revise gives a ReplicaSet a revision and the Deployment's annotations. One that it had before goes to its history.
func revise(d *apps.Deployment, set *apps.ReplicaSet, next int64) (changed bool) {
	for name, value := range d.Annotations {
		if !slices.Contains(private, name) && annotate(set, name, value) {
			changed = true
		}
	}
	was := revision(set)
	if was >= next {
		return changed
	}
	if was > 0 {
		annotate(set, historyAnnotation, withRevision(set.Annotations[historyAnnotation], fmt.Sprint(was)))
	}
	return annotate(set, revisionAnnotation, fmt.Sprint(next)) || changed
}

// withRevision appends to a list of revisions, from which the oldest go when it becomes too long.
func withRevision(history, revision string) string {
	var list []string
	if history != "" {
		list = strings.Split(history, ",")
	}
	if slices.Contains(list, revision) {
		return history
	}
	list = append(list, revision)
	for len(list) > 1 && len(strings.Join(list, ",")) > maxHistory {
		list = list[1:]
	}
	return strings.Join(list, ",")
}

// reviseCurrent makes the current ReplicaSet, an old one again perhaps, the newest, and tells the Deployment its revision.
func (r *rollout) reviseCurrent(ctx context.Context) error {
	set := r.current.DeepCopy()
	changed := revise(r.d, set, r.nextRevision())
	if changed || set.Spec.MinReadySeconds != r.d.Spec.MinReadySeconds {
		set.Spec.MinReadySeconds = r.d.Spec.MinReadySeconds
		if err := r.update(ctx, set); err != nil {
			return err
		}
	}
	if deadline(r.d) > 0 && condition(&r.d.Status, apps.DeploymentProgressing) == nil {
		r.setProgressing(&r.d.Status, v1.ConditionTrue, "FoundNewReplicaSet", fmt.Sprintf("Found new replica set %q", set.Name))
	}
	return r.noteRevision(ctx)
}

// noteRevision writes the current revision to the Deployment. It is no part of the status, so it is a request of its own, which
// fails if the Deployment has changed since we saw it.
func (r *rollout) noteRevision(ctx context.Context) error {
	rev := r.current.Annotations[revisionAnnotation]
	if rev == "" || r.d.Annotations[revisionAnnotation] == rev {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": r.d.ResourceVersion, "annotations": map[string]string{revisionAnnotation: rev},
	}})
	if err != nil {
		return fmt.Errorf("encode revision: %w", err)
	}
	d, err := r.client.AppsV1().Deployments(r.d.Namespace).Patch(ctx, r.d.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("note revision %s: %w", rev, err)
	}
	r.d.ObjectMeta = d.ObjectMeta
	return nil
}

package deployment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	apps "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cleanUp deletes the ReplicaSets of the oldest revisions, of which more are kept than revisionHistoryLimit says.
func (r *rollout) cleanUp(ctx context.Context) error {
	limit := r.d.Spec.RevisionHistoryLimit
	if limit == nil || *limit == math.MaxInt32 {
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(r.old), func(set *apps.ReplicaSet) bool { return set.DeletionTimestamp != nil })
	slices.SortStableFunc(kept, func(a, b *apps.ReplicaSet) int { return cmp.Compare(revision(a), revision(b)) })
	for _, set := range kept[:max(0, len(kept)-int(*limit))] {
		if set.Status.Replicas != 0 || size(set) != 0 || set.Generation > set.Status.ObservedGeneration {
			continue // it has pods, or may
		}
		err := r.client.AppsV1().ReplicaSets(set.Namespace).Delete(ctx, set.Name,
			metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(set.UID))})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete replica set %s: %w", set.Name, err)
		}
	}
	return nil
}

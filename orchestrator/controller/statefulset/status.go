package statefulset

import (
	"context"
	"fmt"

	apps "k8s.io/api/apps/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status counts the pods. When all that are wanted are of the template's revision and ready an update is complete: that
// revision is now the one which the set has.
func (p *pass) status() *apps.StatefulSetStatus {
	s := &apps.StatefulSetStatus{
		ObservedGeneration: p.set.Generation, CurrentRevision: p.current.Name, UpdateRevision: p.update.Name,
		CollisionCount: p.collisions, Conditions: p.set.Status.Conditions,
	}
	for _, pod := range p.pods {
		s.Replicas++
		if ready(pod) {
			s.ReadyReplicas++
		}
		if p.available(pod) {
			s.AvailableReplicas++
		}
		if pod.DeletionTimestamp != nil {
			continue
		}
		if revisionOf(pod) == p.current.Name {
			s.CurrentReplicas++
		}
		if revisionOf(pod) == p.update.Name {
			s.UpdatedReplicas++
		}
	}
	if n := int32(wanted(p.set)); s.UpdatedReplicas == n && s.ReadyReplicas == n && s.Replicas == n {
		s.CurrentRevision, s.CurrentReplicas = s.UpdateRevision, s.UpdatedReplicas
	}
	return s
}

// inUse tells that a revision is the set's, the template's or a pod's.
func (p *pass) inUse(rev *apps.ControllerRevision) bool {
	if rev.Name == p.current.Name || rev.Name == p.update.Name {
		return true
	}
	for _, pod := range p.pods {
		if revisionOf(pod) == rev.Name {
			return true
		}
	}
	return false
}

// writeStatus writes a status that differs from the one that we saw.
func (p *pass) writeStatus(ctx context.Context) error {
	s := p.status()
	if apiequality.Semantic.DeepEqual(&p.set.Status, s) {
		return nil
	}
	set := p.set.DeepCopy()
	set.Status = *s
	if _, err := p.client.AppsV1().StatefulSets(set.Namespace).UpdateStatus(ctx, set, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("update status of stateful set %s/%s: %w", set.Namespace, set.Name, err)
	}
	return nil
}

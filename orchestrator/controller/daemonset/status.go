package daemonset

import (
	"context"
	"fmt"

	apps "k8s.io/api/apps/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// status counts nodes. Where a node has several pods the first one counts.
func (p *pass) status(ctx context.Context) *apps.DaemonSetStatus {
	s := &apps.DaemonSetStatus{ObservedGeneration: p.ds.Generation, CollisionCount: p.collisions, Conditions: p.ds.Status.Conditions}
	for _, node := range p.all {
		run, _ := p.fits(ctx, node)
		pods := p.byNode[node.Name]
		if !run {
			if len(pods) > 0 {
				s.NumberMisscheduled++
			}
			continue
		}
		s.DesiredNumberScheduled++
		if len(pods) == 0 {
			continue
		}
		s.CurrentNumberScheduled++
		if controller.Ready(pods[0]) {
			s.NumberReady++
		}
		if p.available(pods[0]) {
			s.NumberAvailable++
		}
		if p.updated(pods[0]) {
			s.UpdatedNumberScheduled++
		}
	}
	s.NumberUnavailable = s.DesiredNumberScheduled - s.NumberAvailable
	return s
}

// writeStatus writes a status that differs from the one that we saw.
func (p *pass) writeStatus(ctx context.Context) error {
	s := p.status(ctx)
	if apiequality.Semantic.DeepEqual(&p.ds.Status, s) {
		return nil
	}
	ds := p.ds.DeepCopy()
	ds.Status = *s
	if _, err := p.client.AppsV1().DaemonSets(ds.Namespace).UpdateStatus(ctx, ds, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("update status of daemon set %s: %w", p.key, err)
	}
	return nil
}

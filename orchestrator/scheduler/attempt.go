package scheduler

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/scheduler/change"
	"github.com/petcd/petcd/orchestrator/scheduler/preempt"
	"github.com/petcd/petcd/orchestrator/scheduler/queue"
	"github.com/petcd/petcd/orchestrator/scheduler/view"
	"github.com/petcd/petcd/orchestrator/scheduler/volume"
)

// attempt tries to give one pod a node.
func (s *Scheduler) attempt(ctx context.Context, item *queue.Item) {
	begin := s.clock.Now()
	pod := item.Pod
	if len(pod.Spec.SchedulingGates) > 0 {
		s.queue.Gate(item)
		s.tell(ctx, pod.Pod, v1.PodReasonSchedulingGated, "Scheduling is blocked due to non-empty scheduling gates", nil)
		return
	}
	klog.FromContext(ctx).V(3).Info("Attempting to schedule pod", "pod", klog.KObj(pod.Pod))
	var o outcome
	var reserved *volume.Reservation
	var node string
	var err error
	gone, freed := false, false
	s.cluster.With(func(st *view.State) {
		if gone = !s.queue.Has(item); gone {
			return // deleted, or given a node by somebody else
		}
		if gone = st.Placed(pod.Key()) != nil; gone {
			s.queue.Done(item) // an informer that was late put it into the queue again
			return
		}
		o = s.choice.choose(st, pod)
		if o.node == nil {
			s.preempt(st, pod, &o)
			return
		}
		node = o.node.Name
		if reserved, err = s.volumes.Reserve(pod.Pod, o.node.Object); err == nil {
			nominated := st.Unnominate(pod.Key())
			freed = nominated != "" && nominated != node
			st.Assume(pod, node)
		}
	})
	if freed {
		s.queue.Wake(change.PodGone)
	}
	switch {
	case gone:
	case err != nil:
		s.metrics.observe(resultError, s.clock.Since(begin))
		s.fail(ctx, item, fmt.Errorf("reserve volumes: %w", err))
	case node == "":
		s.metrics.observe(resultUnschedulable, s.clock.Since(begin))
		s.unschedulable(ctx, item, &o)
	default:
		s.tasks.Go(func() {
			if err := s.bind(ctx, item, node, reserved); err != nil {
				s.metrics.observe(resultError, s.clock.Since(begin))
				s.fail(ctx, item, err)
				return
			}
			s.metrics.observe(resultScheduled, s.clock.Since(begin))
		})
	}
}

// preempt looks for pods that could make room, and notes what came of it.
func (s *Scheduler) preempt(st *view.State, pod *view.Pod, o *outcome) {
	if o.nodes == 0 {
		return
	}
	counts := map[string]int{}
	q := preempt.Question{Context: &s.choice.context, Filters: s.choice.filters, Pod: pod, Now: s.clock.Now()}
	for _, r := range o.refused {
		if !r.why.Final {
			q.Candidates = append(q.Candidates, r.node)
		}
	}
	if o.preemption = preempt.NotEligible(st, pod, q.Candidates); o.preemption != "" {
		return
	}
	if len(q.Candidates) > 0 {
		budgets, err := s.budgets.List(labels.Everything())
		if err != nil {
			o.preemption = err.Error()
			return
		}
		q.Budgets, q.Start = budgets, s.choice.rand.IntN(len(q.Candidates))
		counts[preempt.NoVictims] = len(q.Candidates)
	}
	if o.plan = preempt.Find(q); o.plan != nil {
		return
	}
	if rest := o.nodes - len(q.Candidates); rest > 0 {
		counts[preempt.NotHelpful] = rest
	}
	o.preemption = unavailable(o.nodes, counts)
}

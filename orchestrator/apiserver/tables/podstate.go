package tables

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reasonNodeLost is the reason in the status of a pod whose node is out of reach.
const reasonNodeLost = "NodeLost"

// podState is a pod in short.
type podState struct {
	ready, containers int
	word              string // STATUS
	restarts          restarts
}

// restarts are those of several containers, and when the last one ended that was restarted.
type restarts struct {
	count int
	last  metav1.Time
}

func (r *restarts) add(c *v1.ContainerStatus) {
	r.count += int(c.RestartCount)
	if t := c.LastTerminationState.Terminated; t != nil && r.last.Before(&t.FinishedAt) {
		r.last = t.FinishedAt
	}
}

// stateOf finds the word that tells most: that of the init container at which a pod stands, else of the first container that has
// anything to say, else the pod's phase. That it is being deleted comes before all that.
func stateOf(p *v1.Pod) podState {
	s := podState{containers: len(p.Spec.Containers), word: or(p.Status.Reason, string(p.Status.Phase))}
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == v1.PodScheduled && c.Reason == v1.PodReasonSchedulingGated {
			s.word = v1.PodReasonSchedulingGated
		}
	}
	initializing, sidecars := s.initContainers(p)
	if !initializing || holds(p, v1.PodInitialized) {
		s.restarts = sidecars // what it took to initialize is of no interest any more
		s.mainContainers(p)
	}
	if p.DeletionTimestamp != nil {
		switch {
		case p.Status.Reason == reasonNodeLost:
			s.word = "Unknown"
		case p.Status.Phase != v1.PodSucceeded && p.Status.Phase != v1.PodFailed:
			s.word = "Terminating"
		}
	}
	return s
}

// initContainers goes through the init containers up to the one that hasn't done its part yet. Sidecars have when they started,
// and count as containers from then on.
func (s *podState) initContainers(p *v1.Pod) (initializing bool, sidecars restarts) {
	sidecar := map[string]bool{}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			sidecar[c.Name] = true
			s.containers++
		}
	}
	for i := range p.Status.InitContainerStatuses {
		c := &p.Status.InitContainerStatuses[i]
		s.restarts.add(c)
		if sidecar[c.Name] {
			sidecars.add(c)
		}
		switch ended, waits := c.State.Terminated, c.State.Waiting; {
		case ended != nil && ended.ExitCode == 0:
			continue
		case sidecar[c.Name] && c.Started != nil && *c.Started:
			if c.Ready {
				s.ready++
			}
			continue
		case ended != nil:
			s.word = "Init:" + ending(ended)
		case waits != nil && waits.Reason != "" && waits.Reason != "PodInitializing":
			s.word = "Init:" + waits.Reason
		default:
			s.word = fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
		}
		return true, sidecars
	}
	return false, sidecars
}

// mainContainers counts and asks the containers that are there for the pod's purpose.
func (s *podState) mainContainers(p *v1.Pod) {
	running := false
	for i := len(p.Status.ContainerStatuses) - 1; i >= 0; i-- { // the first one has the last word
		c := &p.Status.ContainerStatuses[i]
		s.restarts.add(c)
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			s.word = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			s.word = ending(c.State.Terminated)
		case c.Ready && c.State.Running != nil:
			running = true
			s.ready++
		}
	}
	if s.word == "Completed" && running {
		s.word = "NotReady"
		if holds(p, v1.PodReady) {
			s.word = "Running"
		}
	}
}

// ending says how a container ended.
func ending(t *v1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	default:
		return fmt.Sprintf("ExitCode:%d", t.ExitCode)
	}
}

// holds tells that a condition of a pod is true.
func holds(p *v1.Pod, typ v1.PodConditionType) bool {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == typ {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

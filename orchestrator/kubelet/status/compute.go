package status

import (
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/cgroup"
	"github.com/petcd/petcd/orchestrator/kubelet/cri"
)

// Facts are what a status is computed from beside the pod.
type Facts struct {
	Runtime string   // name, as container IDs begin with it
	HostIPs []string // of the node, the first one the main one
	State   *cri.Pod // what the runtime knows

	Old      *v1.PodStatus      // the last status that was computed, else the apiserver's
	Waiting  map[string]Waiting // why containers don't run, by name
	End      *End               // the pod was ended for a reason of its own
	Over     bool               // nothing of the pod runs any more or will again
	Ready    func(container, id string) bool
	Started  func(container, id string) bool
	Messages func(c *cri.Container) string // what a container that ended left to be told
	Now      time.Time
}

// Waiting is why a container doesn't run.
type Waiting struct{ Reason, Message string }

// End is why a pod was ended before its containers did so themselves. Its phase is Failed.
type End struct {
	Reason, Message string
	Condition       *v1.PodCondition // DisruptionTarget, where that is upstream's answer
}

// Compute returns how a pod is.
func Compute(pod *v1.Pod, f Facts) v1.PodStatus {
	s := v1.PodStatus{
		ObservedGeneration: pod.Generation, QOSClass: cgroup.QoS(pod), StartTime: f.Old.StartTime,
		NominatedNodeName: pod.Status.NominatedNodeName, Resize: pod.Status.Resize, ResourceClaimStatuses: pod.Status.ResourceClaimStatuses,
	}
	if s.StartTime == nil {
		s.StartTime = &metav1.Time{Time: f.Now}
	}
	addresses(&s, pod, &f)
	initialized := true
	for i := range pod.Spec.InitContainers {
		c := container(pod, &pod.Spec.InitContainers[i], &f, waitingFor(pod, initialized, true))
		initContainerReadiness(&pod.Spec.InitContainers[i], &c)
		s.InitContainerStatuses = append(s.InitContainerStatuses, c)
		initialized = initialized && initDone(&pod.Spec.InitContainers[i], &c)
	}
	initialized = initialized || anyRan(pod, f.State)
	for i := range pod.Spec.Containers {
		c := container(pod, &pod.Spec.Containers[i], &f, waitingFor(pod, initialized, false))
		s.ContainerStatuses = append(s.ContainerStatuses, c)
	}
	for i := range pod.Spec.EphemeralContainers {
		c := v1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		s.EphemeralContainerStatuses = append(s.EphemeralContainerStatuses, container(pod, &c, &f, "ContainerCreating"))
	}
	s.Phase = phase(pod, &s, initialized, &f)
	if f.End != nil {
		s.Reason, s.Message = f.End.Reason, f.End.Message
	} else if f.Old.Phase == s.Phase && s.Phase == v1.PodFailed {
		s.Reason, s.Message = f.Old.Reason, f.Old.Message
	}
	s.Conditions = conditions(pod, &s, initialized, &f)
	return s
}

// Final says whether a phase is one that a pod never leaves.
func Final(phase v1.PodPhase) bool { return phase == v1.PodSucceeded || phase == v1.PodFailed }

func addresses(s *v1.PodStatus, pod *v1.Pod, f *Facts) {
	for _, ip := range f.HostIPs {
		s.HostIPs = append(s.HostIPs, v1.HostIP{IP: ip})
	}
	if len(f.HostIPs) > 0 {
		s.HostIP = f.HostIPs[0]
	}
	var ips []string
	switch sandbox := f.State.Sandbox(); {
	case pod.Spec.HostNetwork:
		ips = f.HostIPs
	case sandbox != nil && sandbox.Ready:
		ips = sandbox.IPs
	case sandbox != nil: // a dead sandbox has none any more; what was known stays, so that endpoints find the pod they know
		s.PodIP, s.PodIPs = f.Old.PodIP, f.Old.PodIPs
		return
	}
	for _, ip := range ips {
		s.PodIPs = append(s.PodIPs, v1.PodIP{IP: ip})
	}
	if len(ips) > 0 {
		s.PodIP = ips[0]
	}
}

// waitingFor is the reason of a container that hasn't run and of which nothing else is known.
func waitingFor(pod *v1.Pod, initialized, init bool) string {
	if len(pod.Spec.InitContainers) > 0 && (init || !initialized) {
		return "PodInitializing"
	}
	return "ContainerCreating"
}

// anyRan says whether an app container exists: then the init containers are done, though the runtime may have forgotten them.
func anyRan(pod *v1.Pod, state *cri.Pod) bool {
	for i := range pod.Spec.Containers {
		if state.Newest(pod.Spec.Containers[i].Name, "") != nil {
			return true
		}
	}
	return false
}

// phase is upstream's reading of what the containers say.
func phase(pod *v1.Pod, s *v1.PodStatus, initialized bool, f *Facts) v1.PodPhase {
	if Final(f.Old.Phase) {
		return f.Old.Phase
	}
	if f.End != nil {
		if f.Over {
			return v1.PodFailed
		}
		return nonEmpty(f.Old.Phase, v1.PodPending)
	}
	for i := range s.InitContainerStatuses {
		if c := &s.InitContainerStatuses[i]; !initialized && gaveUp(pod, &pod.Spec.InitContainers[i], c) {
			return when(f.Over, v1.PodFailed, v1.PodPending)
		}
	}
	var waiting, running, stopped, failed, restarting int
	for i := range s.ContainerStatuses {
		switch c := &s.ContainerStatuses[i]; {
		case c.State.Running != nil:
			running++
		case c.State.Terminated != nil:
			stopped++
			if c.State.Terminated.ExitCode != 0 {
				failed++
			}
			if Restarts(pod, &pod.Spec.Containers[i], c.State.Terminated.ExitCode) {
				restarting++
			}
		case c.LastTerminationState.Terminated != nil: // between two attempts
			stopped++
			failed++
			restarting++
		default:
			waiting++
		}
	}
	switch {
	case f.Over && stopped > 0 && failed == 0 && waiting == 0:
		return v1.PodSucceeded
	case f.Over:
		return v1.PodFailed
	case !initialized || waiting > 0:
		return v1.PodPending
	case running > 0 || restarting > 0:
		return v1.PodRunning
	case stopped > 0: // all are done; the phase is final once the sidecars are gone, too
		return v1.PodRunning
	}
	return v1.PodPending
}

func when(is bool, then, otherwise v1.PodPhase) v1.PodPhase {
	if is {
		return then
	}
	return otherwise
}

func nonEmpty(p, otherwise v1.PodPhase) v1.PodPhase { return when(p != "", p, otherwise) }

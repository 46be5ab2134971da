package status

import (
	"cmp"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
)

// exitCodeUnknown is that of a container whose end nobody saw: as if it was killed.
const exitCodeUnknown = 137

// container is the status of one container.
func container(pod *v1.Pod, spec *v1.Container, f *Facts, waitingFor string) v1.ContainerStatus {
	old := find(f.Old, spec.Name)
	s := v1.ContainerStatus{Name: spec.Name, Image: spec.Image, Started: new(bool), Resources: resources(spec)}
	if old != nil {
		s.RestartCount, s.LastTerminationState, s.ImageID = old.RestartCount, old.LastTerminationState, old.ImageID
	}
	latest := f.State.Newest(spec.Name, "")
	if latest != nil {
		s.ContainerID, s.RestartCount = f.Runtime+"://"+latest.ID, int32(latest.Attempt)
		s.Image, s.ImageID, s.User = cmp.Or(latest.Image, spec.Image), latest.ImageID, latest.User
		if before := f.previous(latest); before != nil {
			s.LastTerminationState.Terminated = before
		}
	}
	why, waits := f.Waiting[spec.Name]
	switch {
	case latest != nil && latest.Running():
		s.State.Running = &v1.ContainerStateRunning{StartedAt: metav1.NewTime(latest.Started)}
		*s.Started = f.Started(spec.Name, latest.ID)
		s.Ready = *s.Started && f.Ready(spec.Name, latest.ID)
	case waits && !f.Over:
		s.State.Waiting = &v1.ContainerStateWaiting{Reason: why.Reason, Message: why.Message}
		if latest != nil && latest.Exited() {
			s.LastTerminationState.Terminated = f.terminated(latest)
		}
	case latest != nil && latest.Exited():
		s.State.Terminated = f.terminated(latest)
	case latest != nil && latest.State == runtimeapi.ContainerState_CONTAINER_UNKNOWN:
		s.State.Terminated = lost(f.Runtime+"://"+latest.ID, "The container could not be located when the pod was terminated")
	case latest == nil && f.Over && old != nil && old.State.Running != nil: // it ran; the runtime has forgotten it
		s.ContainerID = old.ContainerID
		s.State.Terminated = lost(old.ContainerID, "The container could not be located when the pod was terminated")
	case latest == nil && old != nil && old.State.Terminated != nil && (f.Over || Final(f.Old.Phase)):
		s.ContainerID, s.State = old.ContainerID, old.State
	default:
		s.State.Waiting = &v1.ContainerStateWaiting{Reason: waitingFor}
	}
	return s
}

// previous is how the attempt before the latest ended, if the runtime still knows.
func (f *Facts) previous(latest *cri.Container) *v1.ContainerStateTerminated {
	for i := range f.State.Containers {
		if c := &f.State.Containers[i]; c.Name == latest.Name && c.ID != latest.ID && c.Exited() {
			return f.terminated(c)
		}
	}
	return nil
}

func (f *Facts) terminated(c *cri.Container) *v1.ContainerStateTerminated {
	t := &v1.ContainerStateTerminated{
		ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message, ContainerID: f.Runtime + "://" + c.ID,
		StartedAt: metav1.NewTime(c.Started), FinishedAt: metav1.NewTime(c.Finished),
	}
	if t.Reason == "" {
		t.Reason = "Completed"
		if c.ExitCode != 0 {
			t.Reason = "Error"
		}
	}
	if f.Messages != nil {
		if text := f.Messages(c); text != "" {
			t.Message = text
			return t
		}
	}
	if old := find(f.Old, c.Name); old != nil { // the pod's folder may be gone since it was read
		for _, before := range []*v1.ContainerStateTerminated{old.State.Terminated, old.LastTerminationState.Terminated} {
			if before != nil && before.ContainerID == t.ContainerID {
				t.Message = before.Message
			}
		}
	}
	return t
}

func lost(id, message string) *v1.ContainerStateTerminated {
	return &v1.ContainerStateTerminated{Reason: "ContainerStatusUnknown", Message: message, ExitCode: exitCodeUnknown, ContainerID: id}
}

// initContainerReadiness sets what an init container, which has no readiness probe unless it is a sidecar, counts as.
func initContainerReadiness(spec *v1.Container, s *v1.ContainerStatus) {
	if !Sidecar(spec) {
		s.Ready = s.State.Terminated != nil && s.State.Terminated.ExitCode == 0
	}
}

func find(status *v1.PodStatus, name string) *v1.ContainerStatus {
	for _, list := range [][]v1.ContainerStatus{status.ContainerStatuses, status.InitContainerStatuses, status.EphemeralContainerStatuses} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func resources(spec *v1.Container) *v1.ResourceRequirements {
	if len(spec.Resources.Limits) == 0 && len(spec.Resources.Requests) == 0 {
		return nil
	}
	return &v1.ResourceRequirements{Limits: spec.Resources.Limits.DeepCopy(), Requests: spec.Resources.Requests.DeepCopy()}
}

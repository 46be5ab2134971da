package node

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Health is how the node is.
type Health struct {
	NotReady          string // why pods can't run here; "": they can
	Memory, Disk, PID bool   // there is too little of it
}

// conditions are a node's: the kubelet's own as they are now, those of others as they were.
func conditions(before []v1.NodeCondition, h Health, now metav1.Time) []v1.NodeCondition {
	ready := v1.NodeCondition{Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"}
	if h.NotReady != "" {
		ready.Status, ready.Reason, ready.Message = v1.ConditionFalse, "KubeletNotReady", h.NotReady
	}
	own := []v1.NodeCondition{
		pressure(v1.NodeMemoryPressure, h.Memory, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available",
			"KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		pressure(v1.NodeDiskPressure, h.Disk, "KubeletHasDiskPressure", "kubelet has disk pressure",
			"KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		pressure(v1.NodePIDPressure, h.PID, "KubeletHasInsufficientPID", "kubelet has insufficient PID available",
			"KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		ready,
	}
	old := map[v1.NodeConditionType]v1.NodeCondition{}
	for _, c := range before {
		old[c.Type] = c
	}
	for i := range own {
		c := &own[i]
		c.LastHeartbeatTime, c.LastTransitionTime = now, now
		if was, known := old[c.Type]; known && was.Status == c.Status && !was.LastTransitionTime.IsZero() {
			c.LastTransitionTime = was.LastTransitionTime
		}
		delete(old, c.Type)
	}
	var others []v1.NodeCondition
	for _, c := range before {
		if _, is := old[c.Type]; is {
			others = append(others, c)
		}
	}
	return append(others, own...)
}

func pressure(t v1.NodeConditionType, is bool, bad, badMessage, good, goodMessage string) v1.NodeCondition {
	if is {
		return v1.NodeCondition{Type: t, Status: v1.ConditionTrue, Reason: bad, Message: badMessage}
	}
	return v1.NodeCondition{Type: t, Status: v1.ConditionFalse, Reason: good, Message: goodMessage}
}

// eventsOf are the events that say a condition became true, and that it is no more.
func eventsOf(t v1.NodeConditionType) (names [2]string, known bool) {
	switch t {
	case v1.NodeReady:
		return [2]string{"NodeReady", "NodeNotReady"}, true
	case v1.NodeMemoryPressure:
		return [2]string{"NodeHasInsufficientMemory", "NodeHasSufficientMemory"}, true
	case v1.NodeDiskPressure:
		return [2]string{"NodeHasDiskPressure", "NodeHasNoDiskPressure"}, true
	case v1.NodePIDPressure:
		return [2]string{"NodeHasInsufficientPID", "NodeHasSufficientPID"}, true
	}
	return names, false
}

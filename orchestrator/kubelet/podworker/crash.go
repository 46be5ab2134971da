package podworker

import (
	"time"

	v1 "k8s.io/api/core/v1"
	apitypes "k8s.io/apimachinery/pkg/types"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
)

// crashWait is how long a container has to wait before its next attempt; zero begins that attempt, and makes the next wait longer.
func (m *Manager) crashWait(uid apitypes.UID, spec *v1.Container, state *cri.Pod) time.Duration {
	for i := range state.Containers {
		c := &state.Containers[i]
		if c.Name != spec.Name || !c.Exited() {
			continue
		}
		id := crashID(uid, spec)
		if m.backOff.IsInBackOffSince(id, c.Finished) {
			return max(time.Millisecond, m.backOff.Get(id)-m.o.Clock.Since(c.Finished))
		}
		m.backOff.Next(id, c.Finished)
		return 0
	}
	return 0
}

// crashDelay is how long a container that crashed waits in all.
func (m *Manager) crashDelay(uid apitypes.UID, spec *v1.Container) time.Duration {
	return m.backOff.Get(crashID(uid, spec))
}

// crashID names a container of a spec: a changed one begins anew.
func crashID(uid apitypes.UID, spec *v1.Container) string {
	return string(uid) + "/" + spec.Name + "/" + cri.Hash(spec)
}

package servicepods

import (
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Triggers remember which changes of pods and services were written into endpoints already, so that what is written next can say
// since when it was due. The delay that users see is measured by this.
type Triggers struct {
	mu sync.Mutex
	of map[string]triggered
}

// triggered is when a service and its pods last changed, as far as that was written.
type triggered struct {
	service time.Time
	pods    map[string]time.Time
}

// NewTriggers returns none.
func NewTriggers() *Triggers { return &Triggers{of: map[string]triggered{}} }

// Since returns the oldest change that has not been returned before; zero if there is none.
func (t *Triggers) Since(key string, svc *v1.Service, pods []*v1.Pod) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	was, known := t.of[key]
	is := triggered{service: svc.CreationTimestamp.Time, pods: make(map[string]time.Time, len(pods))}
	var oldest time.Time
	consider := func(at time.Time) {
		if !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	for _, p := range pods {
		at := changed(p)
		is.pods[p.Name] = at
		if at.After(was.pods[p.Name]) {
			consider(at)
		}
	}
	if !known || !is.service.Equal(was.service) {
		consider(is.service)
	}
	t.of[key] = is
	return oldest
}

// Forget is called when a service is gone.
func (t *Triggers) Forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, key)
}

// changed is when a pod last became ready, or ceased to be.
func changed(p *v1.Pod) time.Time {
	if c := controller.Condition(p, v1.PodReady); c != nil {
		return c.LastTransitionTime.Time
	}
	return time.Time{}
}

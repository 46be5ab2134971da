// Package allocatortest keeps what allocators store in memory, for tests. Read Memory.
package allocatortest

import (
	"context"
	"runtime"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// Memory is an allocator.Store. Like a real one it lets others in between reading and writing.
type Memory struct {
	mu      sync.Mutex
	object  corev1.RangeAllocation
	version int
	// Conflicts is how many updates had to begin anew.
	Conflicts int
}

// Get implements allocator.Store.
func (m *Memory) Get(context.Context) (*corev1.RangeAllocation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.object.DeepCopy(), nil
}

// Update implements allocator.Store.
func (m *Memory) Update(ctx context.Context, change func(*corev1.RangeAllocation) error) error {
	for ctx.Err() == nil {
		is, err := m.Get(ctx)
		if err != nil {
			return err
		}
		version := is.ResourceVersion
		if err := change(is); err != nil {
			return err
		}
		runtime.Gosched()
		if m.swap(is, version) {
			return nil
		}
	}
	return ctx.Err()
}

// swap stores an object if the one that it was made of is still there.
func (m *Memory) swap(is *corev1.RangeAllocation, version string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.object.ResourceVersion != version {
		m.Conflicts++
		return false
	}
	m.version++
	m.object = *is
	m.object.ResourceVersion = strconv.Itoa(m.version)
	return true
}

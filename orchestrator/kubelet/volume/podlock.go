package volume

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// podLocks has a lock for each pod. Pods never share one: who holds it may wait for the apiserver, which may be in a pod that waits for it.
type podLocks struct{ byUID sync.Map }

// lock returns what unlocks it.
func (l *podLocks) lock(uid types.UID) (unlock func()) {
	one, _ := l.byUID.LoadOrStore(uid, &sync.Mutex{})
	mu := one.(*sync.Mutex)
	mu.Lock()
	return mu.Unlock
}

// forget drops a pod's lock. Its worker, which makes the calls for a pod, is done with it.
func (l *podLocks) forget(uid types.UID) { l.byUID.Delete(uid) }

package job

import (
	"sync"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// versions are what we last wrote of each Job. A Job that the cache shows in an earlier state may seem to lack a pod whose success
// was counted since, and must not get another.
type versions struct {
	mu    sync.Mutex
	ofKey map[string]string
}

func (v *versions) set(key, version string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ofKey == nil {
		v.ofKey = map[string]string{}
	}
	v.ofKey[key] = version
}

func (v *versions) forget(key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.ofKey, key)
}

// after tells that what we wrote is later than a version. Versions that cannot be compared are taken for equal.
func (v *versions) after(key, version string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	order, err := resourceversion.CompareResourceVersion(v.ofKey[key], version)
	return err == nil && order > 0
}

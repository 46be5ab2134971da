package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"k8s.io/apimachinery/pkg/types"
)

// errStillMounted keeps a folder from being deleted through a mount.
var errStillMounted = errors.New("volume: still mounted")

// Teardown unmounts and removes the volumes and the folder of a pod whose containers are gone. A pod without a folder is no error.
func (m *Manager) Teardown(uid types.UID) error {
	if err := checkUID(uid); err != nil {
		return err
	}
	defer m.pods.forget(uid)
	defer m.pods.lock(uid)()
	m.tokens.forget(uid)
	m.mu.Lock()
	for key := range m.claims {
		if key.uid == uid {
			delete(m.claims, key)
		}
	}
	m.mu.Unlock()
	return remove(m.PodDir(uid))
}

// remove deletes a folder once nothing is mounted in it any longer.
func remove(dir string) error {
	if err := unmountBelow(dir); err != nil {
		return err
	}
	points, err := mountPoints(dir)
	if err != nil {
		return err
	}
	if len(points) > 0 {
		return fmt.Errorf("%w: %v", errStillMounted, points)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("volume: remove %s: %w", dir, err)
	}
	return nil
}

// Orphans are the pods that have a folder here and that keep doesn't know: they ended while no kubelet ran.
func (m *Manager) Orphans(keep func(types.UID) bool) ([]types.UID, error) {
	entries, err := os.ReadDir(m.o.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("volume: pods' folders: %w", err)
	}
	var orphans []types.UID
	for _, e := range entries {
		if uid := types.UID(e.Name()); e.IsDir() && !keep(uid) {
			orphans = append(orphans, uid)
		}
	}
	return orphans, nil
}

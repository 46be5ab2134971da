package podworker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
)

// idle is what a worker does when all is as it should be, or waits until it may be: volumes are brought up to date, and old attempts go.
func (w *worker) idle(ctx context.Context, pod *v1.Pod, state *cri.Pod) {
	if err := w.m.o.Volumes.Refresh(ctx, pod); err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot bring volumes up to date", "err", err)
	}
	if err := w.collect(ctx, state); err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot remove old containers", "err", err)
	}
}

// collect removes dead containers but the latest of each name, and the one that ran before one that runs: `kubectl logs --previous` reads it.
// Attempts that were made, never started and overtaken by another go, too.
// Sandboxes go when they have no containers left, but for the newest.
func (w *worker) collect(ctx context.Context, state *cri.Pod) error {
	var failed []error
	dead := map[string]int{}
	inUse, later := map[string]bool{}, map[string]bool{}
	for i := range state.Containers {
		c := &state.Containers[i]
		if c.Exited() {
			dead[c.Name]++
		}
		unused := c.State == runtimeapi.ContainerState_CONTAINER_CREATED && later[c.Name]
		later[c.Name] = true
		if !unused && (!c.Exited() || dead[c.Name] == 1) {
			inUse[c.SandboxID] = true
			continue
		}
		if err := w.removeContainer(ctx, c); err != nil {
			inUse[c.SandboxID] = true
			failed = append(failed, err)
		}
	}
	for i := range state.Sandboxes {
		if s := &state.Sandboxes[i]; i > 0 && !s.Ready && !inUse[s.ID] {
			if err := w.m.o.Runtime.RemovePodSandbox(ctx, s.ID); err != nil && !cri.IsNotFound(err) {
				failed = append(failed, fmt.Errorf("remove sandbox %s: %w", s.ID, err))
			}
		}
	}
	return errors.Join(failed...)
}

// removeContainer removes a dead container, its logs and its last words.
func (w *worker) removeContainer(ctx context.Context, c *cri.Container) error {
	if err := w.m.o.Runtime.RemoveContainer(ctx, c.ID); err != nil && !cri.IsNotFound(err) {
		return fmt.Errorf("remove container %s: %w", c.ID, err)
	}
	var failed []error
	if c.LogPath != "" {
		old, _ := filepath.Glob(c.LogPath + "*") // the path is the kubelet's own: the pattern is sound
		for _, path := range old {
			failed = append(failed, os.Remove(path))
		}
	}
	if err := os.Remove(w.messageFile(c.Name, c.Attempt)); err != nil && !os.IsNotExist(err) {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// remove clears away all that the runtime has of a pod, and its logs.
func (w *worker) remove(ctx context.Context, pod *v1.Pod) error {
	state, err := cri.Read(ctx, w.m.o.Runtime, w.uid)
	if err != nil {
		return err
	}
	for i := range state.Containers {
		if err := w.m.o.Runtime.RemoveContainer(ctx, state.Containers[i].ID); err != nil && !cri.IsNotFound(err) {
			return fmt.Errorf("remove container %s: %w", state.Containers[i].ID, err)
		}
	}
	for _, s := range state.Sandboxes {
		if err := w.m.o.Runtime.RemovePodSandbox(ctx, s.ID); err != nil && !cri.IsNotFound(err) {
			return fmt.Errorf("remove sandbox %s: %w", s.ID, err)
		}
	}
	if err := os.RemoveAll(w.m.o.Node.LogDir(pod)); err != nil {
		return fmt.Errorf("logs: %w", err)
	}
	return nil
}

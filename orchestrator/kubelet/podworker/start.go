package podworker

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
	"github.com/petcd/petcd/orchestrator/kubelet/environment"
	"github.com/petcd/petcd/orchestrator/kubelet/image"
	"github.com/petcd/petcd/orchestrator/kubelet/status"
)

// The reasons for which a container waits, beside those of its image.
const (
	reasonConfig = "CreateContainerConfigError"
	reasonCreate = "CreateContainerError"
	reasonRun    = "RunContainerError"
	reasonHook   = "PostStartHookError"
)

// start makes the next attempt of a container and starts it.
func (w *worker) start(ctx context.Context, pod *v1.Pod, state *cri.Pod, sandbox *sandboxParts, l launch) error {
	ref, err := w.m.o.Puller.Ensure(ctx, pod, l.spec, sandbox.config)
	if err != nil {
		var why *image.Error
		if !errors.As(err, &why) {
			why = &image.Error{Reason: image.ReasonErrImagePull, Message: err.Error()}
		}
		w.wait(l.spec.Name, status.Waiting{Reason: why.Reason, Message: why.Message})
		return fmt.Errorf("container %s: %w", l.spec.Name, err)
	}
	config, err := w.configure(ctx, pod, state, sandbox, l, ref)
	if err != nil {
		return w.failed(ctx, pod, l, reasonConfig, err)
	}
	id, err := w.m.o.Runtime.CreateContainer(ctx, sandbox.id, config, sandbox.config)
	if err != nil {
		return w.failed(ctx, pod, l, reasonCreate, err)
	}
	w.m.event(pod, &l, v1.EventTypeNormal, "Created", "Created container: "+l.spec.Name)
	if err := w.m.o.Runtime.StartContainer(ctx, id); err != nil {
		return w.failed(ctx, pod, l, reasonRun, err)
	}
	w.m.event(pod, &l, v1.EventTypeNormal, "Started", "Started container "+l.spec.Name)
	w.wait(l.spec.Name, status.Waiting{})
	if l.spec.Lifecycle == nil || l.spec.Lifecycle.PostStart == nil {
		return nil
	}
	if err := w.hook(ctx, pod, l.spec, id, l.spec.Lifecycle.PostStart, sandbox.ips); err != nil {
		w.m.event(pod, &l, v1.EventTypeWarning, "FailedPostStartHook", "PostStartHook failed")
		w.wait(l.spec.Name, status.Waiting{Reason: reasonHook, Message: err.Error()})
		killed := w.killOne(ctx, pod, &cri.Container{ID: id, Name: l.spec.Name, State: runtimeapi.ContainerState_CONTAINER_RUNNING}, l.spec,
			w.fullGrace(), "FailedPostStartHook")
		return errors.Join(fmt.Errorf("container %s: postStart hook: %w", l.spec.Name, err), killed)
	}
	return nil
}

// failed notes why a container couldn't be started.
func (w *worker) failed(ctx context.Context, pod *v1.Pod, l launch, reason string, err error) error {
	if ctx.Err() == nil { // a step that was cut short says nothing about the container
		w.wait(l.spec.Name, status.Waiting{Reason: reason, Message: err.Error()})
		w.once(pod, l, v1.EventTypeWarning, "Failed", "Error: "+err.Error())
	}
	return fmt.Errorf("container %s: %w", l.spec.Name, err)
}

// configure makes the configuration of a container's next attempt.
func (w *worker) configure(ctx context.Context, pod *v1.Pod, state *cri.Pod, sandbox *sandboxParts, l launch, ref string) (*runtimeapi.ContainerConfig, error) {
	env, err := w.m.o.Environment.Env(ctx, pod, l.spec, environment.Facts{PodIPs: sandbox.ips, HostIPs: w.m.o.HostIPs()})
	if err != nil {
		return nil, err
	}
	user, err := w.imageUser(ctx, ref)
	if err != nil {
		return nil, err
	}
	attempt := w.attempt(pod, state, l.spec.Name)
	mounts, err := w.m.o.Volumes.Mounts(pod, l.spec, env)
	if err != nil {
		return nil, err
	}
	files, err := w.files(pod, l.spec, attempt)
	if err != nil {
		return nil, err
	}
	if err := makeDir(sandbox.config.LogDirectory + "/" + l.spec.Name); err != nil {
		return nil, err
	}
	command, args := environment.Command(l.spec, env)
	return w.m.o.Node.Container(pod, cri.ContainerParts{
		Container: l.spec, Attempt: attempt, Image: ref, ImageUser: user, Command: command, Args: args, Env: env,
		Mounts: append(mounts, files...), Resources: w.m.o.Cgroups.Resources(pod, l.spec), Target: l.target,
	})
}

// attempt is the number of a container's next attempt, which is its restart count.
func (w *worker) attempt(pod *v1.Pod, state *cri.Pod, container string) int {
	if last := state.Newest(container, ""); last != nil {
		return last.Attempt + 1
	}
	s := w.status(pod)
	for _, list := range [][]v1.ContainerStatus{s.ContainerStatuses, s.InitContainerStatuses} {
		for _, c := range list {
			if c.Name == container && c.ContainerID != "" { // the runtime has forgotten it
				return int(c.RestartCount) + 1
			}
		}
	}
	return 0
}

// imageUser is whom an image runs as.
func (w *worker) imageUser(ctx context.Context, ref string) (cri.ImageUser, error) {
	answer, err := w.m.o.Images.ImageStatus(ctx, &runtimeapi.ImageSpec{Image: ref}, false)
	if err != nil {
		return cri.ImageUser{}, fmt.Errorf("image %s: %w", ref, err)
	}
	if answer.GetImage() == nil {
		return cri.ImageUser{}, fmt.Errorf("image %s: the runtime doesn't have it any more", ref)
	}
	if uid := answer.GetImage().GetUid(); uid != nil {
		return cri.ImageUser{UID: &uid.Value}, nil
	}
	return cri.ImageUser{Name: answer.GetImage().GetUsername()}, nil
}

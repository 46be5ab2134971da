package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/kubelet/pkg/types"
)

// problem is an error that a client is told with a code.
type problem struct {
	code int
	text string
}

func (p *problem) Error() string { return p.text }

// problemf makes one.
func problemf(code int, format string, args ...any) error {
	return &problem{code, fmt.Sprintf(format, args...)}
}

// refuse tells a client of an error.
func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	var p *problem
	if errors.As(err, &p) {
		code = p.code
	}
	http.Error(w, err.Error(), code)
}

// pod is the one that a request names.
func (s *Server) pod(r *http.Request) (*v1.Pod, error) {
	pod, ok := s.o.Pods.Pod(r.PathValue("namespace"), r.PathValue("pod"))
	if uid := r.PathValue("uid"); !ok || uid != "" && uid != string(pod.UID) {
		return nil, problemf(http.StatusNotFound, "pod does not exist")
	}
	return pod, nil
}

// container is the ID of the running container that a request names.
func (s *Server) container(ctx context.Context, r *http.Request) (string, error) {
	pod, err := s.pod(r)
	if err != nil {
		return "", err
	}
	name := r.PathValue("container")
	all, err := s.o.Runtime.ListContainers(ctx, &runtimeapi.ContainerFilter{
		State:         &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING},
		LabelSelector: map[string]string{types.KubernetesPodUIDLabel: string(pod.UID), types.KubernetesContainerNameLabel: name},
	})
	if err != nil {
		return "", fmt.Errorf("server: list of containers: %w", err)
	}
	var newest *runtimeapi.Container
	for _, c := range all {
		if newest == nil || c.CreatedAt > newest.CreatedAt {
			newest = c
		}
	}
	if newest == nil {
		return "", problemf(http.StatusNotFound, "container not found (%q)", name)
	}
	return newest.Id, nil
}

// sandbox is the ID of the sandbox of the pod that a request names.
func (s *Server) sandbox(ctx context.Context, r *http.Request) (string, error) {
	pod, err := s.pod(r)
	if err != nil {
		return "", err
	}
	all, err := s.o.Runtime.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{
		State:         &runtimeapi.PodSandboxStateValue{State: runtimeapi.PodSandboxState_SANDBOX_READY},
		LabelSelector: map[string]string{types.KubernetesPodUIDLabel: string(pod.UID)},
	})
	if err != nil {
		return "", fmt.Errorf("server: list of sandboxes: %w", err)
	}
	var newest *runtimeapi.PodSandbox
	for _, p := range all {
		if newest == nil || p.CreatedAt > newest.CreatedAt {
			newest = p
		}
	}
	if newest == nil {
		return "", problemf(http.StatusNotFound, "pod sandbox not found (%q)", pod.Name)
	}
	return newest.Id, nil
}

package cri

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// ContainerParts is all that a container's configuration is made of.
type ContainerParts struct {
	Container     *v1.Container
	Attempt       int
	Image         string // as the runtime knows it
	ImageUser     ImageUser
	Command, Args []string // expanded
	Env           []*runtimeapi.KeyValue
	Mounts        []*runtimeapi.Mount
	Resources     *runtimeapi.LinuxContainerResources
	Target        string // ID of the container whose processes an ephemeral container sees; or ""
}

// Container is the configuration of an attempt to run a container.
func (n *Node) Container(pod *v1.Pod, p ContainerParts) (*runtimeapi.ContainerConfig, error) {
	c := p.Container
	if len(c.VolumeDevices) > 0 {
		return nil, errors.New("volumeDevices: block devices aren't supported")
	}
	annotations, err := containerAnnotations(pod, c, p.Attempt)
	if err != nil {
		return nil, err
	}
	security, err := n.containerSecurity(pod, c, p.ImageUser, p.Target)
	if err != nil {
		return nil, err
	}
	resources := p.Resources
	if resources == nil {
		resources = &runtimeapi.LinuxContainerResources{}
	}
	resources.OomScoreAdj = max(resources.OomScoreAdj, n.MinOOMScore)
	config := &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: c.Name, Attempt: uint32(p.Attempt)},
		Image:    &runtimeapi.ImageSpec{Image: p.Image, UserSpecifiedImage: c.Image},
		Command:  p.Command, Args: p.Args, WorkingDir: c.WorkingDir, Envs: p.Env, Mounts: p.Mounts,
		Labels: containerLabels(pod, c), Annotations: annotations, LogPath: LogPath(c.Name, p.Attempt),
		Stdin: c.Stdin, StdinOnce: c.StdinOnce, Tty: c.TTY,
		Linux: &runtimeapi.LinuxContainerConfig{Resources: resources, SecurityContext: security},
	}
	if c.Lifecycle != nil && c.Lifecycle.StopSignal != nil {
		signal, known := runtimeapi.Signal_value["SIGNAL_"+string(*c.Lifecycle.StopSignal)]
		if !known {
			return nil, fmt.Errorf("unknown stop signal %q", *c.Lifecycle.StopSignal)
		}
		config.StopSignal = runtimeapi.Signal(signal)
	}
	return config, nil
}

// LogPath is where an attempt's output lies, below the pod's folder of logs.
func LogPath(container string, attempt int) string {
	return filepath.Join(container, strconv.Itoa(attempt)+".log")
}

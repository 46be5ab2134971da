package volume

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	v1 "k8s.io/api/core/v1"
)

// source is a volume of a pod, whatever its kind.
type source interface {
	// setup makes the volume, or brings it up to date.
	setup(ctx context.Context) error
	// path is where it is on this node.
	path() string
	// readOnly says that no container may write to it.
	readOnly() bool
}

// errNoClient says that this kubelet runs without an apiserver.
var errNoClient = errors.New("this kubelet has no apiserver to get it from")

// resolve finds out what a volume of a pod is made by.
func (m *Manager) resolve(ctx context.Context, pod *v1.Pod, volume *v1.Volume) (source, error) {
	if err := checkName("volume", volume.Name); err != nil {
		return nil, err
	}
	switch {
	case volume.PersistentVolumeClaim != nil:
		return m.claim(ctx, pod, volume, volume.PersistentVolumeClaim.ClaimName, volume.PersistentVolumeClaim.ReadOnly)
	case volume.Ephemeral != nil:
		return m.ephemeral(ctx, pod, volume)
	}
	return m.local(pod, volume)
}

// local is a volume that its spec says all about.
func (m *Manager) local(pod *v1.Pod, volume *v1.Volume) (source, error) {
	at := func(kind string) string {
		return filepath.Join(m.PodDir(pod.UID), "volumes", "kubernetes.io~"+kind, volume.Name)
	}
	switch {
	case volume.EmptyDir != nil:
		return &emptyDir{at: at("empty-dir"), spec: volume.EmptyDir, pod: pod, allocatable: m.o.Allocatable}, nil
	case volume.HostPath != nil:
		return &hostPath{at: volume.HostPath.Path, kind: hostPathType(volume.HostPath)}, nil
	case volume.ConfigMap != nil:
		c := volume.ConfigMap
		projections := []v1.VolumeProjection{{ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: c.LocalObjectReference, Items: c.Items, Optional: c.Optional}}}
		return &files{m: m, at: at("configmap"), pod: pod, projections: projections, mode: c.DefaultMode}, nil
	case volume.Secret != nil:
		s := volume.Secret
		projections := []v1.VolumeProjection{{Secret: &v1.SecretProjection{
			LocalObjectReference: v1.LocalObjectReference{Name: s.SecretName}, Items: s.Items, Optional: s.Optional,
		}}}
		return &files{m: m, at: at("secret"), pod: pod, projections: projections, mode: s.DefaultMode, memory: true}, nil
	case volume.DownwardAPI != nil:
		d := volume.DownwardAPI
		projections := []v1.VolumeProjection{{DownwardAPI: &v1.DownwardAPIProjection{Items: d.Items}}}
		return &files{m: m, at: at("downward-api"), pod: pod, projections: projections, mode: d.DefaultMode, memory: true}, nil
	case volume.Projected != nil:
		p := volume.Projected
		return &files{m: m, at: at("projected"), pod: pod, projections: p.Sources, mode: p.DefaultMode, memory: true}, nil
	}
	return nil, fmt.Errorf("volumes of kind %s are not supported on this node", kindOf(volume.VolumeSource))
}

// kindOf names what a volume source, of a pod or a persistent volume, is: its one field that is set.
func kindOf(source any) string {
	v := reflect.ValueOf(source)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			return v.Type().Field(i).Name
		}
	}
	return "unknown"
}

package kubeadm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// systemNodeCritical is the value of the priority class that static pods have.
const systemNodeCritical = 2000001000

// WriteManifests writes static pods of the control plane's programs.
func (s *Settings) WriteManifests(names ...string) error {
	all, err := s.programs(Layout{})
	if err != nil {
		return err
	}
	for _, p := range all {
		if !slices.Contains(names, p.name) {
			continue
		}
		text, err := yaml.Marshal(s.pod(p))
		if err != nil {
			return fmt.Errorf("kubeadm: manifest of %s: %w", p.name, err)
		}
		if err := writeFile(s.In(manifestsDir, p.name+".yaml"), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file so that whoever watches its folder never sees half of it.
func writeFile(file string, text []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("kubeadm: %w", err)
	}
	half := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new") // kubelets don't read hidden files
	if err := os.WriteFile(half, text, mode); err != nil {
		return fmt.Errorf("kubeadm: %w", err)
	}
	if err := os.Rename(half, file); err != nil {
		return fmt.Errorf("kubeadm: %w", err)
	}
	return nil
}

// pod is a program as a static pod.
func (s *Settings) pod(p *program) *v1.Pod {
	c := v1.Container{
		Name: p.name, Image: p.image, ImagePullPolicy: v1.PullIfNotPresent, Command: p.command(p.name),
		Ports:         []v1.ContainerPort{{Name: "probe-port", ContainerPort: p.port, Protocol: v1.ProtocolTCP}},
		Resources:     v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(p.cpu)}},
		LivenessProbe: p.probe(p.live, 8, 10),
		// Upstream looks every 10 s, for as long.
		StartupProbe: p.probe(p.ready, 240, 1),
	}
	c.LivenessProbe.InitialDelaySeconds = 10
	if p.name == apiserver || p.name == etcd {
		c.ReadinessProbe = p.probe(p.ready, 3, 1)
	}
	if p.memory != "" {
		c.Resources.Requests[v1.ResourceMemory] = resource.MustParse(p.memory)
	}
	for _, e := range p.env {
		c.Env = append(c.Env, v1.EnvVar{Name: e.Name, Value: e.Value})
	}
	pod := &v1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: p.name, Namespace: metav1.NamespaceSystem, Labels: map[string]string{"component": p.name, "tier": "control-plane"},
		},
		Spec: v1.PodSpec{
			HostNetwork: true, Priority: ptr.To[int32](systemNodeCritical), PriorityClassName: "system-node-critical",
			SecurityContext: &v1.PodSecurityContext{SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault}},
		},
	}
	switch p.name {
	case etcd:
		pod.Annotations = map[string]string{"kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://" + s.Address + ":2379"}
	case apiserver:
		pod.Annotations = map[string]string{"kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": s.endpoint()}
	}
	for _, m := range s.mounts(p.name) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{
			Name: m.name, VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: s.In(m.path), Type: ptr.To(m.kind)}},
		})
		c.VolumeMounts = append(c.VolumeMounts, v1.VolumeMount{Name: m.name, MountPath: m.path, ReadOnly: m.readOnly})
	}
	pod.Spec.Containers = []v1.Container{c}
	return pod
}

// probe looks at the program's health every so many seconds.
func (p *program) probe(path string, failures, period int32) *v1.Probe {
	return &v1.Probe{
		ProbeHandler: v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{
			Host: p.host, Path: path, Port: intstr.FromString("probe-port"), Scheme: v1.URIScheme(p.scheme),
		}},
		FailureThreshold: failures, PeriodSeconds: period, TimeoutSeconds: 15,
	}
}

// mount is a file or folder of the node that a program needs, at its usual place.
type mount struct {
	name, path string
	kind       v1.HostPathType
	readOnly   bool
}

func (s *Settings) mounts(program string) []mount {
	certs := mount{"k8s-certs", pkiDir, v1.HostPathDirectoryOrCreate, true}
	switch program {
	case etcd:
		return []mount{{"etcd-data", etcdDir, v1.HostPathDirectoryOrCreate, false}, {"etcd-certs", pkiDir + "/etcd", v1.HostPathDirectoryOrCreate, false}}
	case apiserver:
		return []mount{certs}
	case controllerManager:
		return []mount{certs, {"kubeconfig", kubernetesDir + "/controller-manager.conf", v1.HostPathFileOrCreate, true}}
	default:
		return []mount{{"kubeconfig", kubernetesDir + "/scheduler.conf", v1.HostPathFileOrCreate, true}}
	}
}

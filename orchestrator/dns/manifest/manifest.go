// Package manifest has the objects that run cluster-dns in a cluster. Whoever sets a cluster up applies them.
package manifest

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// Options say what differs from one cluster to another.
type Options struct {
	Image     string // its program is /usr/local/bin/cluster-dns
	ClusterIP string // of the Service, which kubelets have as --cluster-dns; "" for 10.96.0.10
	Domain    string // of the cluster; "" for cluster.local
	Replicas  int32  // 0 for two
	Forward   string // who knows other names, as the flag; "" for the node's /etc/resolv.conf
}

const (
	name = "cluster-dns"
	role = "system:cluster-dns"

	// serviceName and label are those of upstream, by which tools know the DNS of a cluster.
	serviceName = "kube-dns"
	label       = "k8s-app"

	dnsPort, healthPort, readyPort, metricsPort = 53, 8080, 8181, 9153
)

// Objects are what is to be applied, in order.
func Objects(o Options) []runtime.Object {
	if o.ClusterIP == "" {
		o.ClusterIP = "10.96.0.10"
	}
	if o.Domain == "" {
		o.Domain = "cluster.local"
	}
	if o.Replicas == 0 {
		o.Replicas = 2
	}
	if o.Forward == "" {
		o.Forward = "/etc/resolv.conf"
	}
	return []runtime.Object{account(), clusterRole(), binding(), deployment(&o), service(&o)}
}

func at(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name, Labels: map[string]string{label: serviceName}}
}

func account() *v1.ServiceAccount {
	return &v1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: at(name)}
}

// clusterRole lets the account see what names are made of.
func clusterRole() *rbacv1.ClusterRole {
	read := []string{"list", "watch"}
	return &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: role},
		Rules: []rbacv1.PolicyRule{
			{Verbs: read, APIGroups: []string{""}, Resources: []string{"services", "namespaces"}},
			{Verbs: read, APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}},
		},
	}
}

func binding() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceSystem, Name: name}},
	}
}

func service(o *Options) *v1.Service {
	s := &v1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: at(serviceName),
		Spec: v1.ServiceSpec{
			Selector: map[string]string{label: serviceName}, ClusterIP: o.ClusterIP,
			Ports: []v1.ServicePort{
				{Name: "dns", Protocol: v1.ProtocolUDP, Port: dnsPort, TargetPort: intstr.FromInt32(dnsPort)},
				{Name: "dns-tcp", Protocol: v1.ProtocolTCP, Port: dnsPort, TargetPort: intstr.FromInt32(dnsPort)},
				{Name: "metrics", Protocol: v1.ProtocolTCP, Port: metricsPort, TargetPort: intstr.FromInt32(metricsPort)},
			},
		},
	}
	s.Labels["kubernetes.io/cluster-service"] = "true"
	s.Labels["kubernetes.io/name"] = "CoreDNS" // as `kubectl cluster-info` has it
	s.Annotations = map[string]string{"prometheus.io/port": fmt.Sprint(metricsPort), "prometheus.io/scrape": "true"}
	return s
}

// deployment keeps one server more than are needed while it rolls, so that no question goes unanswered.
func deployment(o *Options) *appsv1.Deployment {
	selector := map[string]string{label: serviceName}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: at(name),
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(o.Replicas), Selector: &metav1.LabelSelector{MatchLabels: selector},
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxUnavailable: ptr.To(intstr.FromInt32(0)), MaxSurge: ptr.To(intstr.FromInt32(1)),
				},
			},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector}, Spec: podSpec(o)},
		},
	}
}

func podSpec(o *Options) v1.PodSpec {
	apart := v1.PodAffinityTerm{
		TopologyKey:   v1.LabelHostname,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{label: serviceName}},
	}
	return v1.PodSpec{
		ServiceAccountName: name, PriorityClassName: "system-cluster-critical",
		DNSPolicy:    v1.DNSDefault, // its own questions must not come back to it
		NodeSelector: map[string]string{v1.LabelOSStable: "linux"},
		Tolerations: []v1.Toleration{
			{Key: "CriticalAddonsOnly", Operator: v1.TolerationOpExists},
			{Key: "node-role.kubernetes.io/control-plane", Effect: v1.TaintEffectNoSchedule},
		},
		Affinity: &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{{Weight: 100, PodAffinityTerm: apart}},
		}},
		Containers: []v1.Container{container(o)},
	}
}

func container(o *Options) v1.Container {
	get := func(path string, port int32) v1.ProbeHandler {
		return v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: path, Port: intstr.FromInt32(port)}}
	}
	return v1.Container{
		Name: name, Image: o.Image, ImagePullPolicy: v1.PullIfNotPresent,
		Command: []string{"/usr/local/bin/cluster-dns"},
		Args:    []string{"--domain=" + strings.TrimSuffix(o.Domain, "."), "--forward=" + o.Forward},
		Ports: []v1.ContainerPort{
			{Name: "dns", ContainerPort: dnsPort, Protocol: v1.ProtocolUDP},
			{Name: "dns-tcp", ContainerPort: dnsPort, Protocol: v1.ProtocolTCP},
			{Name: "metrics", ContainerPort: metricsPort, Protocol: v1.ProtocolTCP},
		},
		Resources: v1.ResourceRequirements{
			Limits:   v1.ResourceList{v1.ResourceMemory: resource.MustParse("170Mi")},
			Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("100m"), v1.ResourceMemory: resource.MustParse("70Mi")},
		},
		LivenessProbe:  &v1.Probe{ProbeHandler: get("/health", healthPort), InitialDelaySeconds: 60, TimeoutSeconds: 5, FailureThreshold: 5},
		ReadinessProbe: &v1.Probe{ProbeHandler: get("/ready", readyPort), PeriodSeconds: 1},
		SecurityContext: &v1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities: &v1.Capabilities{Add: []v1.Capability{"NET_BIND_SERVICE"}, Drop: []v1.Capability{"ALL"}},
		},
	}
}

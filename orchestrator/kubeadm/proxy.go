package kubeadm

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	proxyconfig "k8s.io/kube-proxy/config/v1alpha1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// proxyName is kube-proxy in all its objects.
const proxyName = "kube-proxy"

// addonProxy runs kube-proxy on every node.
func (r *initRun) addonProxy(ctx context.Context) error {
	objects, err := r.proxyObjects()
	if err != nil {
		return err
	}
	if err := r.apply.apply(ctx, objects...); err != nil {
		return err
	}
	r.say("[addons] Applied essential addon: kube-proxy")
	return nil
}

func (s *Settings) proxyObjects() ([]runtime.Object, error) {
	config, err := s.proxyConfig()
	if err != nil {
		return nil, err
	}
	account := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceSystem, Name: proxyName}
	at := metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: proxyName}
	objects := []runtime.Object{
		&v1.ServiceAccount{ObjectMeta: at},
		bindCluster("kubeadm:node-proxier", "system:node-proxier", account),
		configMap(metav1.NamespaceSystem, proxyConfigMap, config),
	}
	objects = append(objects, mayGet(metav1.NamespaceSystem, proxyName, proxyConfigMap, groups(nodeTokenGroup)...)...)
	return append(objects, s.proxyDaemonSet()), nil
}

// proxyConfig is the content of kube-proxy's ConfigMap.
func (s *Settings) proxyConfig() (map[string]string, error) {
	config, err := yaml.Marshal(proxyFields{
		TypeMeta: metav1.TypeMeta{APIVersion: proxyconfig.SchemeGroupVersion.String(), Kind: "KubeProxyConfiguration"},
		Mode:     s.ProxyMode, ClusterCIDR: s.PodSubnet,
		ClientConnection: map[string]string{"kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"},
	})
	if err != nil {
		return nil, fmt.Errorf("kubeadm: kube-proxy's configuration: %w", err)
	}
	const account, user = "/var/run/secrets/kubernetes.io/serviceaccount/", "default"
	k := kubeconfig("default", "https://"+s.endpoint(), nil, user)
	k.Clusters["default"].CertificateAuthority = account + "ca.crt"
	k.AuthInfos[user] = &clientcmdapi.AuthInfo{TokenFile: account + "token"}
	text, err := clientcmd.Write(*k)
	if err != nil {
		return nil, fmt.Errorf("kubeadm: kube-proxy's kubeconfig: %w", err)
	}
	return map[string]string{"config.conf": string(config), "kubeconfig.conf": string(text)}, nil
}

// proxyFields are the fields of KubeProxyConfiguration that differ from their defaults.
type proxyFields struct {
	metav1.TypeMeta  `json:",inline"`
	ClientConnection map[string]string `json:"clientConnection"`
	ClusterCIDR      string            `json:"clusterCIDR"`
	Mode             string            `json:"mode"`
}

func (s *Settings) proxyDaemonSet() *appsv1.DaemonSet {
	labels := map[string]string{"k8s-app": proxyName}
	hostPath := func(name, path string, kind v1.HostPathType) v1.Volume {
		return v1.Volume{Name: name, VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: path, Type: ptr.To(kind)}}}
	}
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: proxyName, Labels: labels},
		Spec: appsv1.DaemonSetSpec{
			Selector:       &metav1.LabelSelector{MatchLabels: labels},
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType},
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: v1.PodSpec{
					HostNetwork: true, PriorityClassName: "system-node-critical", ServiceAccountName: proxyName,
					NodeSelector: map[string]string{v1.LabelOSStable: "linux"},
					Tolerations:  []v1.Toleration{{Operator: v1.TolerationOpExists}},
					Containers: []v1.Container{{
						Name: proxyName, Image: s.image(proxyName), ImagePullPolicy: v1.PullIfNotPresent,
						Command: []string{"/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf", "--hostname-override=$(NODE_NAME)"},
						Env: []v1.EnvVar{{Name: "NODE_NAME", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{
							APIVersion: "v1", FieldPath: "spec.nodeName",
						}}}},
						SecurityContext: &v1.SecurityContext{Privileged: ptr.To(true)},
						VolumeMounts: []v1.VolumeMount{
							{Name: "kube-proxy", MountPath: "/var/lib/kube-proxy"},
							{Name: "lib-modules", MountPath: "/lib/modules", ReadOnly: true},
						},
					}},
					Volumes: []v1.Volume{
						{Name: "kube-proxy", VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{
							LocalObjectReference: v1.LocalObjectReference{Name: proxyConfigMap},
						}}},
						hostPath("lib-modules", "/lib/modules", v1.HostPathUnset),
					},
				},
			},
		},
	}
}

package kubeadm

import (
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
)

// Names of the ConfigMaps that nodes read.
const (
	clusterConfigMap = "kubeadm-config"
	kubeletConfigMap = "kubelet-config"
	proxyConfigMap   = "kube-proxy"
)

func groups(names ...string) (all []rbacv1.Subject) {
	for _, n := range names {
		all = append(all, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: n})
	}
	return all
}

// bindCluster gives subjects a ClusterRole.
func bindCluster(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
}

// mayGet lets subjects read one ConfigMap.
func mayGet(namespace, role, configMap string, subjects ...rbacv1.Subject) []runtime.Object {
	at := metav1.ObjectMeta{Namespace: namespace, Name: role}
	return []runtime.Object{
		&rbacv1.Role{ObjectMeta: at, Rules: []rbacv1.PolicyRule{
			{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{configMap}},
		}},
		&rbacv1.RoleBinding{ObjectMeta: at, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role}},
	}
}

// adminAccess makes those who hold admin.conf administrators.
func adminAccess() runtime.Object {
	return bindCluster(pki.AdminGroup, "cluster-admin", groups(pki.AdminGroup)...)
}

// joinAccess lets a machine with a token find out about the cluster, ask for a node's certificate, and get it.
func joinAccess() []runtime.Object {
	const getNodes = "kubeadm:get-nodes"
	tokens := groups(nodeTokenGroup)
	all := []runtime.Object{
		bindCluster("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", tokens...),
		bindCluster("kubeadm:node-autoapprove-bootstrap", "system:certificates.k8s.io:certificatesigningrequests:nodeclient", tokens...),
		bindCluster("kubeadm:node-autoapprove-certificate-rotation", "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", groups("system:nodes")...),
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: getNodes}, Rules: []rbacv1.PolicyRule{
			{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"nodes"}},
		}},
		bindCluster(getNodes, getNodes, tokens...),
	}
	nodes := groups("system:nodes", nodeTokenGroup)
	all = append(all, mayGet(metav1.NamespaceSystem, "kubeadm:nodes-kubeadm-config", clusterConfigMap, nodes...)...)
	all = append(all, mayGet(metav1.NamespaceSystem, "kubeadm:kubelet-config", kubeletConfigMap, nodes...)...)
	return append(all, mayGet(metav1.NamespacePublic, "kubeadm:bootstrap-signer-clusterinfo", "cluster-info",
		rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "system:anonymous"})...)
}

func configMap(namespace, name string, data map[string]string) *v1.ConfigMap {
	return &v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

package kubeadm

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// kubeletConfiguration is the cluster's for all its kubelets, with files at their usual places: the ConfigMap kubelet-config holds it.
func (s *Settings) kubeletConfiguration() (*kubeletconfig.KubeletConfiguration, error) {
	dns, err := s.serviceIP(10)
	if err != nil {
		return nil, err
	}
	k := &kubeletconfig.KubeletConfiguration{}
	if s.Kubelet != nil {
		k = s.Kubelet.DeepCopy()
	}
	k.TypeMeta = metav1.TypeMeta{APIVersion: kubeletconfig.SchemeGroupVersion.String(), Kind: "KubeletConfiguration"}
	fill(&k.StaticPodPath, manifestsDir)
	fill(&k.PodLogsDir, podLogsDir)
	fill(&k.Authentication.X509.ClientCAFile, pkiDir+"/ca.crt")
	fill(&k.ClusterDomain, s.DNSDomain)
	fill(&k.CgroupDriver, "cgroupfs")
	fill((*string)(&k.Authorization.Mode), string(kubeletconfig.KubeletAuthorizationModeWebhook))
	if k.ClusterDNS == nil {
		k.ClusterDNS = []string{dns.String()}
	}
	for flag, value := range map[**bool]bool{
		&k.Authentication.Anonymous.Enabled: false, &k.Authentication.Webhook.Enabled: true,
		&k.FailSwapOn: false, &k.FailCgroupV1: false,
	} {
		if *flag == nil {
			*flag = ptr.To(value)
		}
	}
	k.RotateCertificates = true
	return k, nil
}

// fill sets what has no value.
func fill(to *string, value string) {
	if *to == "" {
		*to = value
	}
}

// onNode is the cluster's configuration as this node's kubelet needs it: files below the root, and cgroups of its own where the node
// isn't the whole machine.
func (n *Node) onNode(k *kubeletconfig.KubeletConfiguration) *kubeletconfig.KubeletConfiguration {
	k = k.DeepCopy()
	k.ContainerRuntimeEndpoint = n.CRISocket
	if n.IsMachine() {
		return k
	}
	k.StaticPodPath, k.PodLogsDir = n.In(k.StaticPodPath), n.In(k.PodLogsDir)
	k.Authentication.X509.ClientCAFile = n.In(k.Authentication.X509.ClientCAFile)
	if k.ResolverConfig == nil {
		k.ResolverConfig = ptr.To(n.In("/etc/resolv.conf"))
	}
	fill(&k.CgroupRoot, n.Cgroup())
	return k
}

// writeKubeletConfig writes the node's /var/lib/kubelet/config.yaml.
func (n *Node) writeKubeletConfig(k *kubeletconfig.KubeletConfiguration) error {
	text, err := yaml.Marshal(n.onNode(k))
	if err != nil {
		return fmt.Errorf("kubeadm: kubelet's configuration: %w", err)
	}
	if !n.IsMachine() {
		if err := writeFile(n.In("/etc/resolv.conf"), []byte("# this node resolves nothing outside its cluster\n"), 0o644); err != nil {
			return err
		}
	}
	return writeFile(n.In(kubeletDir, "config.yaml"), text, 0o644)
}

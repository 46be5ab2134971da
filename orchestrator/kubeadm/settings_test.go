package kubeadm

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
)

// newTestSettings are those of a control plane below a folder of the test.
func newTestSettings(t *testing.T) *Settings {
	t.Helper()
	s := NewSettings()
	s.Root, s.NodeName, s.Address, s.Bin, s.KubernetesVersion = t.TempDir(), "master", "10.1.2.3", "/opt/petcd", "v1.37.2"
	require.NoError(t, s.Complete())
	return s
}

func TestComplete(t *testing.T) {
	s := newTestSettings(t)
	require.Equal(t, runtimeEmbedded, s.Runtime, "there is no containerd below the root")
	require.Equal(t, "unix://"+s.Root+"/run/cri-runtime.sock", s.CRISocket)
	require.Equal(t, "127.0.0.1:5055/etcd:v1.37.2", s.image(etcd))
	require.Equal(t, "/opt/petcd/images.oci", s.Images)
	require.Equal(t, "10.1.2.3:6443", s.endpoint())
	s.ControlPlaneEndpoint = "example.com"
	require.Equal(t, "example.com:6443", s.endpoint())
	ip, err := s.serviceIP(10)
	require.NoError(t, err)
	require.Equal(t, "10.96.0.10", ip.String())
}

func TestTheRuntimeIsTheOneOfTheSocket(t *testing.T) {
	for socket, want := range map[string]string{"unix:///run/containerd/containerd.sock": runtimeContainerd, "unix:///run/x.sock": runtimeEmbedded} {
		s := NewSettings()
		s.Root, s.Address, s.CRISocket = t.TempDir(), "10.1.2.3", socket
		require.NoError(t, s.Complete())
		require.Equal(t, want, s.Runtime)
	}
}

func TestRefusedSettings(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"--node-name":                   func(s *Settings) { s.NodeName = "a b" },
		"--apiserver-advertise-address": func(s *Settings) { s.Address = "here" },
		"--apiserver-bind-port":         func(s *Settings) { s.Port = 70000 },
		"--runtime":                     func(s *Settings) { s.Runtime = "docker" },
		"--cri-socket":                  func(s *Settings) { s.CRISocket = "/run/x.sock" },
		"--service-cidr":                func(s *Settings) { s.ServiceSubnet = "10.96.0.0" },
		"--pod-network-cidr":            func(s *Settings) { s.PodSubnet = "x" },
		"--token":                       func(s *Settings) { s.Token = "abc" },
		"kube-proxy's mode":             func(s *Settings) { s.ProxyMode = "ipvs" },
		"extra arguments":               func(s *Settings) { s.ExtraArgs["kube-dns"] = nil },
	} {
		s := newTestSettings(t)
		change(s)
		require.ErrorContains(t, s.Complete(), want)
	}
}

func writeConfig(t *testing.T, text string) string {
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestConfigFile(t *testing.T) {
	c, err := readConfigFile(writeConfig(t, `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens: [{token: abcdef.0123456789abcdef, ttl: 1h}]
nodeRegistration: {name: one, taints: [], ignorePreflightErrors: [Port-6443]}
localAPIEndpoint: {advertiseAddress: 10.9.9.9, bindPort: 7443}
skipPhases: [addon/coredns]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.37.0
clusterName: mine
imageRepository: registry.example
networking: {serviceSubnet: 10.8.0.0/16, podSubnet: 10.9.0.0/16, dnsDomain: corp}
apiServer: {certSANs: [a.example], extraArgs: [{name: v, value: "4"}]}
etcd: {local: {extraArgs: [{name: snapshot-count, value: "5"}]}}
certificateValidityPeriod: 48h
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 7
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
`))
	require.NoError(t, err)
	s := NewSettings()
	c.apply(s)
	require.NoError(t, s.Complete())
	require.Equal(t, "abcdef.0123456789abcdef", s.Token)
	require.Equal(t, time.Hour, s.TokenTTL)
	require.Equal(t, "one", s.NodeName)
	require.Equal(t, []v1.Taint{}, s.taints(), "none are asked for")
	require.Equal(t, []string{"port-6443"}, s.Ignore)
	require.Equal(t, "10.9.9.9:7443", s.endpoint())
	require.Equal(t, []string{"addon/coredns"}, s.Skip)
	require.Equal(t, "registry.example/etcd:v1.37.0", s.image(etcd))
	require.Empty(t, s.Images, "the registry is elsewhere")
	require.Equal(t, []string{"10.8.0.0/16", "10.9.0.0/16", "corp", "mine"}, []string{s.ServiceSubnet, s.PodSubnet, s.DNSDomain, s.ClusterName})
	require.Equal(t, []string{"a.example"}, s.CertSANs)
	require.Equal(t, 48*time.Hour, s.CertLife)
	require.Equal(t, "iptables", s.ProxyMode)
	k, err := s.kubeletConfiguration()
	require.NoError(t, err)
	require.Equal(t, int32(7), k.MaxPods)
	require.Equal(t, []string{"10.8.0.10"}, k.ClusterDNS)
	all, err := s.programs(Layout{})
	require.NoError(t, err)
	require.Contains(t, all[0].flags, "--snapshot-count=5")
	require.NotContains(t, all[0].flags, "--snapshot-count=10000")
	require.Contains(t, all[1].flags, "--v=4")
}

// What isn't known is named: a setting that is ignored would be found out too late.
func TestUnknownFields(t *testing.T) {
	for text, want := range map[string]string{
		"apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nencryptionAlgorithm: RSA-4096\n":              `unknown field "encryptionAlgorithm"`,
		"apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {port: 1}\n":                   `unknown field "port"`,
		"apiVersion: kubeadm.k8s.io/v1beta3\nkind: InitConfiguration\n":                                                `kind "InitConfiguration" of "kubeadm.k8s.io/v1beta3" is not known here`,
		"apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\netcd: {external: {endpoints: [https://x]}}\n": `unknown field "external"`,
	} {
		_, err := readConfigFile(writeConfig(t, text))
		require.ErrorContains(t, err, want)
	}
}

// What init uploads is what join reads.
func TestUploadedConfiguration(t *testing.T) {
	s := newTestSettings(t)
	s.ExtraArgs[apiserver] = []Arg{{"v", "4"}}
	again := NewSettings()
	s.clusterConfiguration().apply(again)
	require.Equal(t, s.ImageRepository, again.ImageRepository)
	require.Equal(t, s.ExtraArgs[apiserver], again.ExtraArgs[apiserver])
	require.Equal(t, s.CertLife, again.CertLife)
}

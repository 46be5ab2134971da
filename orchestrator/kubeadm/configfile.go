package kubeadm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"
)

// apiVersion is that of kubeadm's own kinds.
const apiVersion = "kubeadm.k8s.io/v1beta4"

// The kinds of a configuration file, by their main fields. The names are upstream's.
type (
	initConfiguration struct {
		metav1.TypeMeta  `json:",inline"`
		BootstrapTokens  []bootstrapToken `json:"bootstrapTokens,omitempty"`
		NodeRegistration nodeRegistration `json:"nodeRegistration,omitempty"`
		LocalAPIEndpoint apiEndpoint      `json:"localAPIEndpoint,omitempty"`
		SkipPhases       []string         `json:"skipPhases,omitempty"`
	}
	joinConfiguration struct {
		metav1.TypeMeta  `json:",inline"`
		NodeRegistration nodeRegistration `json:"nodeRegistration,omitempty"`
		CACertPath       string           `json:"caCertPath,omitempty"`
		Discovery        discovery        `json:"discovery"`
		SkipPhases       []string         `json:"skipPhases,omitempty"`
	}
	clusterConfiguration struct {
		metav1.TypeMeta             `json:",inline"`
		Etcd                        etcdConfiguration      `json:"etcd,omitempty"`
		Networking                  networking             `json:"networking,omitempty"`
		KubernetesVersion           string                 `json:"kubernetesVersion,omitempty"`
		ControlPlaneEndpoint        string                 `json:"controlPlaneEndpoint,omitempty"`
		APIServer                   apiserverConfiguration `json:"apiServer,omitempty"`
		ControllerManager           programConfiguration   `json:"controllerManager,omitempty"`
		Scheduler                   programConfiguration   `json:"scheduler,omitempty"`
		ImageRepository             string                 `json:"imageRepository,omitempty"`
		ClusterName                 string                 `json:"clusterName,omitempty"`
		CertificateValidityPeriod   *metav1.Duration       `json:"certificateValidityPeriod,omitempty"`
		CACertificateValidityPeriod *metav1.Duration       `json:"caCertificateValidityPeriod,omitempty"`
	}
	bootstrapToken struct {
		Token string           `json:"token,omitempty"`
		TTL   *metav1.Duration `json:"ttl,omitempty"`
	}
	nodeRegistration struct {
		Name                  string     `json:"name,omitempty"`
		CRISocket             string     `json:"criSocket,omitempty"`
		Taints                []v1.Taint `json:"taints"`
		IgnorePreflightErrors []string   `json:"ignorePreflightErrors,omitempty"`
	}
	apiEndpoint struct {
		AdvertiseAddress string `json:"advertiseAddress,omitempty"`
		BindPort         int32  `json:"bindPort,omitempty"`
	}
	discovery struct {
		BootstrapToken    *bootstrapTokenDiscovery `json:"bootstrapToken,omitempty"`
		TLSBootstrapToken string                   `json:"tlsBootstrapToken,omitempty"`
	}
	bootstrapTokenDiscovery struct {
		Token                    string   `json:"token"`
		APIServerEndpoint        string   `json:"apiServerEndpoint,omitempty"`
		CACertHashes             []string `json:"caCertHashes,omitempty"`
		UnsafeSkipCAVerification bool     `json:"unsafeSkipCAVerification,omitempty"`
	}
	etcdConfiguration struct {
		Local *programConfiguration `json:"local,omitempty"`
	}
	networking struct {
		ServiceSubnet string `json:"serviceSubnet,omitempty"`
		PodSubnet     string `json:"podSubnet,omitempty"`
		DNSDomain     string `json:"dnsDomain,omitempty"`
	}
	programConfiguration struct {
		ExtraArgs []Arg `json:"extraArgs,omitempty"`
	}
	apiserverConfiguration struct {
		programConfiguration `json:",inline"`
		CertSANs             []string `json:"certSANs,omitempty"`
	}
	proxyConfiguration struct {
		metav1.TypeMeta `json:",inline"`
		Mode            string `json:"mode,omitempty"`
	}
)

// configFile is what a file given by --config says.
type configFile struct {
	init    *initConfiguration
	join    *joinConfiguration
	cluster *clusterConfiguration
	kubelet *kubeletconfig.KubeletConfiguration
	proxy   *proxyConfiguration
}

// readConfigFile reads a file of one or more kinds. What a kind has no field for is an error that names it.
func readConfigFile(file string) (*configFile, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	c := &configFile{}
	docs := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err == nil && len(bytes.TrimSpace(doc)) > 0 {
			err = c.add(doc)
		}
		if err != nil {
			return nil, fmt.Errorf("--config: %s: %w", file, err)
		}
	}
}

// add reads one kind.
func (c *configFile) add(doc []byte) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &kind); err != nil {
		return err
	}
	into := map[string]func() any{
		apiVersion + "/InitConfiguration":    func() any { c.init = &initConfiguration{}; return c.init },
		apiVersion + "/JoinConfiguration":    func() any { c.join = &joinConfiguration{}; return c.join },
		apiVersion + "/ClusterConfiguration": func() any { c.cluster = &clusterConfiguration{}; return c.cluster },
		"kubelet.config.k8s.io/v1beta1/KubeletConfiguration": func() any {
			c.kubelet = &kubeletconfig.KubeletConfiguration{}
			return c.kubelet
		},
		"kubeproxy.config.k8s.io/v1alpha1/KubeProxyConfiguration": func() any { c.proxy = &proxyConfiguration{}; return c.proxy },
	}[kind.APIVersion+"/"+kind.Kind]
	if into == nil {
		return fmt.Errorf("kind %q of %q is not known here", kind.Kind, kind.APIVersion)
	}
	if err := yaml.UnmarshalStrict(doc, into()); err != nil {
		return fmt.Errorf("%s: %w", kind.Kind, err)
	}
	return nil
}

// apply puts what the file says into settings.
func (c *configFile) apply(s *Settings) {
	if i := c.init; i != nil {
		for _, t := range i.BootstrapTokens[:min(1, len(i.BootstrapTokens))] {
			set(&s.Token, t.Token)
			if t.TTL != nil {
				s.TokenTTL = t.TTL.Duration
			}
		}
		i.NodeRegistration.apply(s)
		set(&s.Address, i.LocalAPIEndpoint.AdvertiseAddress)
		if i.LocalAPIEndpoint.BindPort != 0 {
			s.Port = i.LocalAPIEndpoint.BindPort
		}
		s.Skip = append(s.Skip, i.SkipPhases...)
	}
	if c.cluster != nil {
		c.cluster.apply(s)
	}
	s.Kubelet = c.kubelet
	if c.proxy != nil {
		set(&s.ProxyMode, c.proxy.Mode)
	}
}

func (r *nodeRegistration) apply(s *Settings) {
	set(&s.NodeName, r.Name)
	set(&s.CRISocket, r.CRISocket)
	if r.Taints != nil { // an empty list asks for no taint
		s.Taints = r.Taints
	}
	for _, name := range r.IgnorePreflightErrors {
		s.Ignore = append(s.Ignore, strings.ToLower(name))
	}
}

func (c *clusterConfiguration) apply(s *Settings) {
	set(&s.KubernetesVersion, c.KubernetesVersion)
	set(&s.ControlPlaneEndpoint, c.ControlPlaneEndpoint)
	set(&s.ImageRepository, c.ImageRepository)
	set(&s.ClusterName, c.ClusterName)
	set(&s.ServiceSubnet, c.Networking.ServiceSubnet)
	set(&s.PodSubnet, c.Networking.PodSubnet)
	set(&s.DNSDomain, c.Networking.DNSDomain)
	s.CertSANs = append(s.CertSANs, c.APIServer.CertSANs...)
	for name, args := range map[string][]Arg{
		apiserver: c.APIServer.ExtraArgs, controllerManager: c.ControllerManager.ExtraArgs, scheduler: c.Scheduler.ExtraArgs,
	} {
		s.ExtraArgs[name] = append(s.ExtraArgs[name], args...)
	}
	if c.Etcd.Local != nil {
		s.ExtraArgs[etcd] = append(s.ExtraArgs[etcd], c.Etcd.Local.ExtraArgs...)
	}
	if c.CertificateValidityPeriod != nil {
		s.CertLife = c.CertificateValidityPeriod.Duration
	}
	if c.CACertificateValidityPeriod != nil {
		s.CALife = c.CACertificateValidityPeriod.Duration
	}
}

// set takes what is said.
func set(to *string, value string) {
	if value != "" {
		*to = value
	}
}

// clusterConfiguration is what settings say of the cluster, for the ConfigMap kubeadm-config.
func (s *Settings) clusterConfiguration() *clusterConfiguration {
	return &clusterConfiguration{
		TypeMeta:          metav1.TypeMeta{APIVersion: apiVersion, Kind: "ClusterConfiguration"},
		Etcd:              etcdConfiguration{Local: &programConfiguration{ExtraArgs: s.ExtraArgs[etcd]}},
		Networking:        networking{ServiceSubnet: s.ServiceSubnet, PodSubnet: s.PodSubnet, DNSDomain: s.DNSDomain},
		KubernetesVersion: s.KubernetesVersion, ControlPlaneEndpoint: s.ControlPlaneEndpoint, ImageRepository: s.ImageRepository, ClusterName: s.ClusterName,
		APIServer:                   apiserverConfiguration{programConfiguration{s.ExtraArgs[apiserver]}, s.CertSANs},
		ControllerManager:           programConfiguration{s.ExtraArgs[controllerManager]},
		Scheduler:                   programConfiguration{s.ExtraArgs[scheduler]},
		CertificateValidityPeriod:   &metav1.Duration{Duration: s.CertLife},
		CACertificateValidityPeriod: &metav1.Duration{Duration: s.CALife},
	}
}

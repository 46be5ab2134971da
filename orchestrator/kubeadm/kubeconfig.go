package kubeadm

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
)

// identity is whom a kubeconfig is for.
type identity struct {
	file, user string
	groups     []string
}

// identities are the kubeconfigs of a control plane.
func (s *Settings) identities() []identity {
	return []identity{
		{"admin.conf", "kubernetes-admin", []string{pki.AdminGroup}},
		{"super-admin.conf", "kubernetes-super-admin", []string{"system:masters"}},
		{"kubelet.conf", "system:node:" + s.NodeName, []string{"system:nodes"}},
		{"controller-manager.conf", "system:kube-controller-manager", nil},
		{"scheduler.conf", "system:kube-scheduler", nil},
	}
}

// WriteKubeconfigs writes those that are missing. The programs of a control plane talk to the apiserver beside them, all others to the
// cluster's endpoint.
func (s *Settings) WriteKubeconfigs() error {
	ca, err := pki.Read(s.In(pkiDir), "ca")
	if err != nil {
		return err
	}
	if ca == nil || ca.Key == nil {
		return fmt.Errorf("kubeadm: %s: ca.crt and ca.key are needed to sign kubeconfigs", s.In(pkiDir))
	}
	for _, id := range s.identities() {
		file := s.Kubeconfig(id.file)
		if _, err := os.Stat(file); err == nil {
			continue
		}
		pair, err := pki.New(pki.Subject{Name: id.user, Groups: id.groups, Life: s.CertLife, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca)
		if err != nil {
			return err
		}
		key, err := pair.KeyPEM()
		if err != nil {
			return err
		}
		config := kubeconfig(s.ClusterName, "https://"+s.endpoint(), ca.CertPEM(), id.user)
		config.AuthInfos[id.user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.CertPEM(), ClientKeyData: key}
		if err := saveKubeconfig(file, config); err != nil {
			return err
		}
	}
	return nil
}

// kubeconfig is one of a user without credentials yet.
func kubeconfig(cluster, server string, ca []byte, user string) *clientcmdapi.Config {
	c := clientcmdapi.NewConfig()
	c.Clusters[cluster] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	if user == "" {
		return c
	}
	c.AuthInfos[user] = clientcmdapi.NewAuthInfo()
	name := user + "@" + cluster
	c.Contexts[name] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: user}
	c.CurrentContext = name
	return c
}

func saveKubeconfig(file string, c *clientcmdapi.Config) error {
	text, err := clientcmd.Write(*c)
	if err != nil {
		return fmt.Errorf("kubeadm: %s: %w", filepath.Base(file), err)
	}
	return writeFile(file, text, 0o600)
}

// clientOf is a client of the apiserver with the credentials of a kubeconfig.
func clientOf(file string) (*kubernetes.Clientset, *rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, nil, fmt.Errorf("kubeadm: %s: %w", file, err)
	}
	config.Timeout, config.QPS = 20*time.Second, -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("kubeadm: %s: %w", file, err)
	}
	return client, config, nil
}

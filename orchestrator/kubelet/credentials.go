package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/certificate"
	"k8s.io/klog/v2"
)

// certPrefix begins the names of the client certificate's files, as upstream's do.
const certPrefix = "kubelet-client"

// authenticate makes the client of the apiserver, which needn't be up. Without a kubeconfig there is none; with a bootstrap kubeconfig
// and no other yet, a certificate is requested first.
func (k *kubelet) authenticate(ctx context.Context) error {
	if k.o.Kubeconfig == "" {
		return nil
	}
	_, err := os.Stat(k.o.Kubeconfig)
	if errors.Is(err, os.ErrNotExist) && k.o.BootstrapKubeconfig != "" {
		if err := k.bootstrap(ctx); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", k.o.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = float32(*k.c.KubeAPIQPS), int(k.c.KubeAPIBurst)
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = config.ContentType + ",application/json"
	config.UserAgent = "kubelet"
	if k.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	k.config = config
	if k.c.RotateCertificates && config.CertFile == filepath.Join(k.o.CertDir, certPrefix+"-current.pem") {
		return k.rotate(ctx)
	}
	return nil
}

// bootstrap gets a client certificate with the bootstrap kubeconfig's credentials, and writes the kubeconfig that names it.
func (k *kubelet) bootstrap(ctx context.Context) error {
	loaded, err := clientcmd.LoadFromFile(k.o.BootstrapKubeconfig)
	if err != nil {
		return err
	}
	config, err := clientcmd.NewDefaultClientConfig(*loaded, nil).ClientConfig()
	if err != nil {
		return err
	}
	manager, err := k.certificates(ctx, config)
	if err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Requesting a client certificate", "node", k.name, "apiserver", config.Host)
	manager.Start()
	defer manager.Stop()
	for manager.Current() == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	pem := filepath.Join(k.o.CertDir, certPrefix+"-current.pem")
	cluster := clientcmdapi.Cluster{
		Server: config.Host, CertificateAuthorityData: config.CAData, CertificateAuthority: config.CAFile, InsecureSkipTLSVerify: config.Insecure,
		TLSServerName: config.ServerName,
	}
	if len(cluster.CertificateAuthorityData) > 0 {
		cluster.CertificateAuthority = ""
	}
	return clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"default-cluster": &cluster},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"default-auth": {ClientCertificate: pem, ClientKey: pem}},
		Contexts:       map[string]*clientcmdapi.Context{"default-context": {Cluster: "default-cluster", AuthInfo: "default-auth"}},
		CurrentContext: "default-context",
	}, k.o.Kubeconfig)
}

// rotate keeps the client certificate fresh. The client reads its file again when that changes.
func (k *kubelet) rotate(ctx context.Context) error {
	manager, err := k.certificates(ctx, k.config)
	if err != nil {
		return err
	}
	manager.Start()
	k.run(func() {
		<-ctx.Done()
		manager.Stop()
	})
	return nil
}

// certificates requests client certificates for this node and keeps them in the folder of certificates.
func (k *kubelet) certificates(ctx context.Context, config *rest.Config) (certificate.Manager, error) {
	store, err := certificate.NewFileStore(certPrefix, k.o.CertDir, k.o.CertDir, "", "")
	if err != nil {
		return nil, err
	}
	return certificate.NewManager(&certificate.Config{
		ClientsetFn: func(*tls.Certificate) (kubernetes.Interface, error) { return kubernetes.NewForConfig(config) },
		Template:    &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:" + k.name, Organization: []string{"system:nodes"}}},
		SignerName:  certificatesv1.KubeAPIServerClientKubeletSignerName,
		Usages:      []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},

		CertificateStore: store, Ctx: &ctx,
	})
}

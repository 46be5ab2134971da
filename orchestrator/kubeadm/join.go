package kubeadm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	certutil "k8s.io/client-go/util/cert"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/cluster-bootstrap/token/jws"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/petcd/petcd/orchestrator/images"
	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
)

// joinTimeout is how long a cluster may take to let a node in.
const joinTimeout = 5 * time.Minute

// JoinSettings say which cluster a machine becomes a node of.
type JoinSettings struct {
	*Settings
	Endpoint    string // of the apiserver: host:port
	CACertPins  []string
	TrustAnyone bool // of those who know the token
}

// Join makes this machine, or the folder of settings' root, a node of a cluster, and tells out what it does.
func Join(ctx context.Context, s *JoinSettings, out io.Writer) error {
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := s.check(); err != nil {
		return err
	}
	say("[preflight] Running pre-flight checks")
	if err := preflight(s.node().checks(), s.Ignore, func(w string) { say("\t%s", w) }); err != nil {
		return err
	}
	info, err := s.discover(ctx)
	if err != nil {
		return err
	}
	say("[discovery] The cluster at %s is the one that the token is of", info.Server)
	n, kubelet, err := s.learn(ctx, info)
	if err != nil {
		return err
	}
	if s.DryRun {
		say("[dryrun] would write the node's files below %s and start its %s runtime and kubelet", s.root(), n.Runtime)
		return nil
	}
	say("[kubelet-start] Writing kubelet configuration to file %q", n.In(kubeletDir, "config.yaml"))
	if err := n.prepare(info, s.Token, kubelet); err != nil {
		return err
	}
	say("[kubelet-start] Starting the kubelet and the %s runtime", n.Runtime)
	if err := n.Start(ctx); err != nil {
		return err
	}
	say("[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap")
	if err := n.waitRegistered(ctx); err != nil {
		return err
	}
	say("\nThis node has joined the cluster:\n* Certificate signing request was sent to apiserver and a response was received.\n" +
		"* The Kubelet was informed of the new secure connection details.\n\nRun 'kubectl get nodes' on the control-plane to see this node join the cluster.")
	return nil
}

func (s *JoinSettings) check() error {
	var errs []error
	if s.Endpoint == "" {
		errs = append(errs, errors.New("the address of an API server, host:port, is needed"))
	}
	if !bootstraputil.IsValidBootstrapToken(s.Token) {
		errs = append(errs, errors.New("--token: a token is needed: six, a dot, and sixteen lower case letters and digits"))
	}
	if len(s.CACertPins) == 0 && !s.TrustAnyone {
		errs = append(errs, errors.New("--discovery-token-ca-cert-hash or --discovery-token-unsafe-skip-ca-verification is needed"))
	}
	return errors.Join(errs...)
}

// discover asks the apiserver, whom it doesn't know yet, for the cluster, and believes what the token has signed and what is pinned.
func (s *JoinSettings) discover(ctx context.Context) (*clientcmdapi.Cluster, error) {
	anyone := &rest.Config{Host: "https://" + s.Endpoint, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, Timeout: 10 * time.Second}
	var info *clientcmdapi.Cluster
	err := poll(ctx, "no discovery of "+s.Endpoint, func(ctx context.Context) (err error) {
		info, err = s.clusterInfo(ctx, anyone)
		return err
	})
	if err != nil {
		return nil, err
	}
	certs, err := certutil.ParseCertsPEM(info.CertificateAuthorityData)
	if err != nil {
		return nil, fmt.Errorf("kubeadm: cluster-info: %w", err)
	}
	if s.TrustAnyone {
		return info, nil
	}
	if err := pki.CheckHashes(certs, s.CACertPins); err != nil {
		return nil, err
	}
	// Who answered may be another than the one whose certificate it showed.
	known := &rest.Config{Host: anyone.Host, TLSClientConfig: rest.TLSClientConfig{CAData: info.CertificateAuthorityData}, Timeout: anyone.Timeout}
	again, err := s.clusterInfo(ctx, known)
	if err != nil {
		return nil, fmt.Errorf("kubeadm: discovery of %s, by its certificate: %w", s.Endpoint, err)
	}
	return again, nil
}

// clusterInfo reads cluster-info and checks the token's signature.
func (s *JoinSettings) clusterInfo(ctx context.Context, config *rest.Config) (*clientcmdapi.Cluster, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	m, err := client.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(ctx, bootstrapapi.ConfigMapClusterInfo, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	id, half, _ := strings.Cut(s.Token, ".")
	content, signature := m.Data[bootstrapapi.KubeConfigKey], m.Data[bootstrapapi.JWSSignatureKeyPrefix+id]
	if signature == "" {
		return nil, fmt.Errorf("cluster-info has no signature of token %s: it is unknown, or has expired", id)
	}
	if !jws.DetachedTokenIsValid(signature, content, id, half) {
		return nil, fmt.Errorf("the signature of cluster-info is not that of token %s", id)
	}
	k, err := clientcmd.Load([]byte(content))
	if err != nil {
		return nil, fmt.Errorf("cluster-info: %w", err)
	}
	for _, c := range k.Clusters {
		return c, nil
	}
	return nil, errors.New("cluster-info names no cluster")
}

// learn reads what the cluster's nodes have in common.
func (s *JoinSettings) learn(ctx context.Context, info *clientcmdapi.Cluster) (*Node, *kubeletconfig.KubeletConfiguration, error) {
	client, err := kubernetes.NewForConfig(&rest.Config{
		Host: info.Server, TLSClientConfig: rest.TLSClientConfig{CAData: info.CertificateAuthorityData}, BearerToken: s.Token, Timeout: 20 * time.Second,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("kubeadm: %w", err)
	}
	if _, err := client.CoreV1().Nodes().Get(ctx, s.NodeName, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		if err == nil {
			err = fmt.Errorf("a node with name %q already exists in the cluster: delete it or choose another name by --node-name", s.NodeName)
		}
		return nil, nil, fmt.Errorf("kubeadm: %w", err)
	}
	cluster, kubelet := &clusterConfiguration{}, &kubeletconfig.KubeletConfiguration{}
	for name, read := range map[string]struct {
		key  string
		into any
	}{clusterConfigMap: {"ClusterConfiguration", cluster}, kubeletConfigMap: {"kubelet", kubelet}} {
		m, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			err = yaml.Unmarshal([]byte(m.Data[read.key]), read.into)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("kubeadm: ConfigMap %s: %w", name, err)
		}
	}
	n := s.node()
	set(&n.Repository, cluster.ImageRepository)
	if cluster.KubernetesVersion != "" {
		n.Tag = images.Tag(cluster.KubernetesVersion)
	}
	return n, kubelet, nil
}

// prepare writes all that the kubelet needs to become a node.
func (n *Node) prepare(info *clientcmdapi.Cluster, token string, kubelet *kubeletconfig.KubeletConfiguration) error {
	if err := writeFile(n.In(pkiDir, "ca.crt"), info.CertificateAuthorityData, 0o644); err != nil {
		return err
	}
	const user = "tls-bootstrap-token-user"
	k := kubeconfig("kubernetes", info.Server, info.CertificateAuthorityData, user)
	k.AuthInfos[user].Token = token
	if err := saveKubeconfig(n.Kubeconfig("bootstrap-kubelet.conf"), k); err != nil {
		return err
	}
	if err := n.writeKubeletConfig(kubelet); err != nil {
		return err
	}
	if err := os.MkdirAll(n.In(manifestsDir), 0o755); err != nil {
		return fmt.Errorf("kubeadm: %w", err)
	}
	return n.WriteUnits()
}

// waitRegistered waits until the kubelet has a certificate of its own and its Node is there, and notes where its runtime is.
func (n *Node) waitRegistered(ctx context.Context) error {
	var client kubernetes.Interface
	err := poll(ctx, "the kubelet has got no certificate; its log is "+n.In(logDir, kubeletUnit+".log"), func(context.Context) (err error) {
		client, _, err = clientOf(n.Kubeconfig("kubelet.conf"))
		return err
	})
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{"kubeadm.alpha.kubernetes.io/cri-socket": n.CRISocket},
	}})
	if err != nil {
		return fmt.Errorf("kubeadm: %w", err)
	}
	err = poll(ctx, "node "+n.Name+" is not registered; the kubelet's log is "+n.In(logDir, kubeletUnit+".log"), func(ctx context.Context) error {
		_, err := client.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return err
	}
	// The token has done its work.
	if err := os.Remove(n.Kubeconfig("bootstrap-kubelet.conf")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("kubeadm: %w", err)
	}
	return nil
}

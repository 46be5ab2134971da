package kubeadm

import "path/filepath"

// Layout is where a node's files are: at their usual places below a root, which is "/" on a machine that is a node.
type Layout struct {
	Root string
}

// PKIDir is the usual place of certificates.
const PKIDir = kubernetesDir + "/pki"

// The usual places of the rest.
const (
	kubernetesDir = "/etc/kubernetes"
	manifestsDir  = kubernetesDir + "/manifests"
	pkiDir        = PKIDir
	unitsDir      = "/etc/systemd/system"
	kubeletDir    = "/var/lib/kubelet"
	etcdDir       = "/var/lib/etcd"
	logDir        = "/var/log"
	podLogsDir    = "/var/log/pods"
	runDir        = "/run/kubeadm"
	runtimeDir    = "/var/lib/cri-runtime"
	runtimeRun    = "/run/cri-runtime"
	runtimeSocket = "/run/cri-runtime.sock"

	containerdDir    = "/var/lib/containerd"
	containerdRun    = "/run/containerd"
	containerdConfig = "/etc/containerd/config.toml"
	containerdSocket = containerdRun + "/containerd.sock"
	cniConfigDir     = "/etc/cni/net.d"
	cniDataDir       = "/var/lib/cni"
)

// In is where something is whose usual place is path.
func (l Layout) In(path ...string) string {
	return filepath.Join(append([]string{l.root()}, path...)...)
}

func (l Layout) root() string {
	if l.Root == "" {
		return "/"
	}
	return l.Root
}

// IsMachine tells that the node is the machine itself, and not a folder on it.
func (l Layout) IsMachine() bool { return l.root() == "/" }

// Kubeconfig is one of the files of /etc/kubernetes, such as admin.conf.
func (l Layout) Kubeconfig(name string) string { return l.In(kubernetesDir, name) }

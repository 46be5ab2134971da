package kubeadm

import (
	"fmt"
	"strings"

	"github.com/petcd/petcd/orchestrator/images"
)

// containerdTemplate is containerd's configuration for a node that isn't the whole machine: everything below the root, our own pause
// image, no AppArmor, and no scores that a process without CAP_SYS_RESOURCE may not give.
const containerdTemplate = `version = 2
root = "{root}"
state = "{run}"
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "runc"
        Root = "{run}/runc"
        SystemdCgroup = false
`

func (n *Node) writeContainerdConfig() error {
	socket := strings.TrimPrefix(n.CRISocket, "unix://")
	if len(socket)+len(".ttrpc") >= maxSocketPath {
		return fmt.Errorf("kubeadm: containerd's socket %s.ttrpc is longer than %d bytes: choose a shorter --root", socket, maxSocketPath-1)
	}
	return writeFile(n.In(containerdConfig), []byte(n.containerdText()), 0o644)
}

func (n *Node) containerdText() string {
	return strings.NewReplacer(
		"{root}", n.In(containerdDir), "{run}", n.In(containerdRun), "{socket}", strings.TrimPrefix(n.CRISocket, "unix://"),
		"{cni}", n.In(cniConfigDir), "{pause}", images.Reference(n.Repository, "pause", n.Tag),
	).Replace(containerdTemplate)
}

// maxSocketPath is what the kernel takes, with the 0 behind it.
const maxSocketPath = 108

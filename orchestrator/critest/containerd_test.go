package critest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// containerd is Debian's, with a configuration and folders of its own.
type containerd struct{ daemon }

func (containerd) Shim(command string) bool {
	return strings.Contains(command, "containerd-shim-runc-v2")
}

// newContainerd describes a containerd below dir whose pods have addresses of a range. Pause images come from a registry.
func newContainerd(t testing.TB, dir, podRange, pause string) Runtime {
	t.Helper()
	if missing := missingForContainerd(); missing != "" {
		t.Skip(missing)
	}
	path, err := exec.LookPath("containerd")
	require.NoError(t, err)
	fill := strings.NewReplacer("$D", dir, "$PAUSE", pause, "$RANGE", podRange)
	conf := filepath.Join(dir, "cni", "net.d")
	require.NoError(t, os.MkdirAll(conf, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(conf, "10-bridge.conflist"), []byte(fill.Replace(networkConfig)), 0o600))
	config := filepath.Join(dir, "config.toml")
	require.NoError(t, os.WriteFile(config, []byte(fill.Replace(containerdConfig)), 0o600))
	return &containerd{daemon{
		name: containerdName, socket: filepath.Join(dir, "containerd.sock"), log: filepath.Join(dir, "containerd.log"),
		path: path, args: []string{"--config", config},
	}}
}

// missingForContainerd says what has to be installed.
func missingForContainerd() string {
	for _, needed := range []string{"containerd", "runc", "/usr/lib/cni/bridge", "/usr/lib/cni/portmap", "iptables"} {
		if _, err := exec.LookPath(needed); err != nil {
			return "no " + needed + ": apt-get install containerd runc containernetworking-plugins iptables"
		}
	}
	return ""
}

// containerdConfig is a node's, but for what this machine lacks: AppArmor, and the right to lower an OOM score.
const containerdConfig = `version = 2
root = "$D/root"
state = "$D/state"
[grpc]
  address = "$D/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$D/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE"
  disable_apparmor = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$D/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$D/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "runc"
        Root = "$D/runc"
        SystemdCgroup = false
`

// networkConfig joins pods by a bridge, and carries host ports.
const networkConfig = `{ "cniVersion": "1.0.0", "name": "critest",
  "plugins": [
    { "type": "bridge", "bridge": "ctbr0", "isGateway": true, "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
      "ipam": { "type": "host-local", "dataDir": "$D/cni/data", "ranges": [[{ "subnet": "$RANGE" }]] } },
    { "type": "portmap", "capabilities": { "portMappings": true }, "snat": true } ] }
`

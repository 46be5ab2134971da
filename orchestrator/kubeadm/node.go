package kubeadm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/images"
	"github.com/petcd/petcd/orchestrator/kubeadm/unit"
)

// Node is what every machine of a cluster has: a runtime, a kubelet, and where images are served by the node itself, a registry.
type Node struct {
	Layout
	Bin, Images        string
	Name, Address      string
	Runtime, CRISocket string
	Repository, Tag    string // of images
	Taints             []v1.Taint
}

// node is the control plane's own.
func (s *Settings) node() *Node {
	return &Node{
		Layout: s.Layout, Bin: s.Bin, Images: s.Images, Name: s.NodeName, Address: s.Address, Runtime: s.Runtime, CRISocket: s.CRISocket,
		Repository: s.ImageRepository, Tag: images.Tag(s.KubernetesVersion), Taints: s.Taints,
	}
}

// Names of the units of a node.
const (
	registryUnit = "image-registry"
	runtimeUnit  = "cri-runtime"
	daemonUnit   = "containerd"
	kubeletUnit  = "kubelet"
)

func (n *Node) program(name string) string { return filepath.Join(n.Bin, name) }

// units are the programs of the node. A containerd that is there already isn't ours to run.
func (n *Node) units() []*unit.Unit {
	var all []*unit.Unit
	var before []string
	if n.Images != "" {
		all = append(all, &unit.Unit{
			Name: registryUnit, Description: "Registry of the cluster's images, for this node alone",
			Exec: []string{n.program("images"), "serve", "--layout=" + n.Images, "--listen=" + n.Repository},
		})
		before = append(before, registryUnit)
	}
	switch {
	case n.Runtime == runtimeEmbedded:
		all = append(all, &unit.Unit{
			Name: runtimeUnit, Description: "Container runtime of petcd", After: slices.Clone(before),
			Exec: []string{
				n.program("cri-runtime"), "--listen=" + n.CRISocket, "--root=" + n.In(runtimeDir), "--state=" + n.In(runtimeRun),
				"--cgroup-parent=" + filepath.Join(n.Cgroup(), "cri-runtime"),
			},
		})
		before = append(before, runtimeUnit)
	case n.runsContainerd():
		all = append(all, &unit.Unit{
			Name: daemonUnit, Description: "containerd of this node", After: slices.Clone(before),
			Exec: []string{"/usr/bin/containerd", "--config=" + n.In(containerdConfig)},
		})
		before = append(before, daemonUnit)
	}
	return append(all, &unit.Unit{Name: kubeletUnit, Description: "kubelet: the agent of a cluster's node", After: slices.Clone(before), Exec: n.kubelet()})
}

// runsContainerd tells that containerd is to be run for this node alone.
func (n *Node) runsContainerd() bool { return n.Runtime == runtimeContainerd && !n.IsMachine() }

// kubelet is its command line.
func (n *Node) kubelet() []string {
	command := []string{
		n.program(kubeletUnit),
		"--bootstrap-kubeconfig=" + n.Kubeconfig("bootstrap-kubelet.conf"),
		"--kubeconfig=" + n.Kubeconfig("kubelet.conf"),
		"--config=" + n.In(kubeletDir, "config.yaml"),
		"--hostname-override=" + n.Name,
		"--node-ip=" + n.Address,
		"--root-dir=" + n.In(kubeletDir),
		"--cert-dir=" + n.In(kubeletDir, "pki"),
	}
	switch {
	case n.Runtime == runtimeEmbedded:
		command = append(command, "--cni-conf-dir=") // the runtime connects pods itself
	case n.runsContainerd():
		command = append(command, "--cni-conf-dir="+n.In(cniConfigDir), "--cni-data-dir="+n.In(cniDataDir))
	}
	if len(n.Taints) > 0 {
		var taints []string
		for _, t := range n.Taints {
			taints = append(taints, t.ToString())
		}
		command = append(command, "--register-with-taints="+strings.Join(taints, ","))
	}
	return command
}

// unitNames are those of the units, in no order.
func (n *Node) unitNames() (names []string) {
	for _, u := range n.units() {
		names = append(names, u.Name)
	}
	return names
}

// supervisor keeps the node's units running where there is no systemd.
func (l Layout) supervisor() *unit.Supervisor {
	return &unit.Supervisor{RunDir: l.In(runDir), LogDir: l.In(logDir)}
}

// hasSystemd tells whether systemd runs this machine and may run the node.
func (l Layout) hasSystemd() bool {
	info, err := os.Stat("/run/systemd/system")
	return l.IsMachine() && err == nil && info.IsDir()
}

// WriteUnits writes what the node's programs are run by.
func (n *Node) WriteUnits(more ...*unit.Unit) error {
	for _, u := range append(n.units(), more...) {
		if err := u.Write(n.In(unitsDir)); err != nil {
			return err
		}
	}
	if n.runsContainerd() {
		return n.writeContainerdConfig()
	}
	return nil
}

// Start starts the node's programs, and those of more units, for good.
func (n *Node) Start(ctx context.Context, more ...string) error {
	return n.run(ctx, append(n.unitNames(), more...))
}

// restart starts the programs of all units that are there.
func (l Layout) restart(ctx context.Context) error {
	units, err := l.nodeUnits()
	if err != nil {
		return err
	}
	if len(units) == 0 {
		return fmt.Errorf("kubeadm: there are no units in %s: run init or join first", l.In(unitsDir))
	}
	var names []string
	for _, u := range units {
		names = append(names, u.Name)
	}
	return l.run(ctx, names)
}

// run starts units, by systemd or by the supervisor.
func (l Layout) run(ctx context.Context, names []string) error {
	if l.hasSystemd() {
		return systemctl(ctx, append([]string{"enable", "--now"}, services(names)...)...)
	}
	if err := l.supervisor().Stop(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("kubeadm: %w", err)
	}
	return l.supervisor().Detach(append([]string{self, "supervise", "--root=" + l.root()}, names...)...)
}

func services(names []string) (all []string) {
	for _, name := range names {
		all = append(all, name+".service")
	}
	return all
}

// systemctl tells systemd of new units, and then what to do with them.
func systemctl(ctx context.Context, args ...string) error {
	for _, command := range [][]string{{"daemon-reload"}, args} {
		if out, err := exec.CommandContext(ctx, "systemctl", command...).CombinedOutput(); err != nil {
			return fmt.Errorf("kubeadm: systemctl %s: %w: %s", strings.Join(command, " "), err, out)
		}
	}
	return nil
}

// healthyKubelet waits until the kubelet says that it is well.
func healthyKubelet(ctx context.Context) error {
	return poll(ctx, "the kubelet is not healthy", func(ctx context.Context) error {
		return get(ctx, "http://127.0.0.1:10248/healthz")
	})
}

// poll tries until it works. What is returned says what was waited for, and what was last in the way.
func poll(ctx context.Context, what string, try func(context.Context) error) error {
	for {
		last := try(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kubeadm: %s: %w", what, errors.Join(last, ctx.Err()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// listening tells whether a port of this machine is taken.
func listening(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return true
	}
	l.Close()
	return false
}

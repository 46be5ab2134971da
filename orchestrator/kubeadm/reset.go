package kubeadm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	criapi "k8s.io/cri-api/pkg/apis"
	remote "k8s.io/cri-client/pkg"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/petcd/petcd/orchestrator/kubeadm/unit"
	"github.com/petcd/petcd/orchestrator/kubelet/podnetwork"
)

// criTimeout is how long the runtime may take for one pod.
const criTimeout = 2 * time.Minute

// Reset undoes what Init or Join did here: it ends the kubelet and all pods, and removes what they had of the kernel and the disk. It goes
// on after failures, so that a second run has less to do. In which network namespace it runs is that whose rules it takes away.
func Reset(ctx context.Context, l Layout, bin string, out io.Writer) error {
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	units, err := l.nodeUnits()
	if err != nil {
		return err
	}
	say("[reset] Stopping the kubelet")
	errs := []error{l.stop(ctx, units)}
	if socket := l.criSocket(); socket != "" {
		say("[reset] Removing containers by %s", socket)
		errs = append(errs, l.withRuntime(ctx, units, func() error { return removePods(ctx, socket) }))
	}
	errs = append(errs, l.stopAll(ctx, units))
	say("[reset] Unmounting mounted directories below %q and removing cgroups", l.In(kubeletDir))
	errs = append(errs, l.unmount(), l.removeCgroups(ctx))
	say("[reset] Removing the rules of Services, the bridge of pods and the routes to others'")
	errs = append(errs, podnetwork.Cleanup(ctx, l.In(cniConfigDir), "cni0"), l.removeRules(ctx, bin))
	say("[reset] Deleting files")
	return errors.Join(append(errs, l.removeFiles())...)
}

// nodeUnits are the units that a node may have, as far as they are there, in their order.
func (l Layout) nodeUnits() ([]*unit.Unit, error) {
	var names []string
	for _, name := range []string{registryUnit, runtimeUnit, daemonUnit, etcd, apiserver, controllerManager, scheduler, kubeletUnit} {
		if _, err := os.Stat(l.In(unitsDir, name+".service")); err == nil {
			names = append(names, name)
		}
	}
	return unit.Read(l.In(unitsDir), names...)
}

// isRuntime tells which units pods need to be removed.
func isRuntime(u *unit.Unit) bool { return u.Name == runtimeUnit || u.Name == daemonUnit }

// stop ends what would start pods again.
func (l Layout) stop(ctx context.Context, units []*unit.Unit) error {
	if !l.hasSystemd() {
		return l.supervisor().Stop()
	}
	for i := len(units) - 1; i >= 0; i-- {
		if u := units[i]; !isRuntime(u) {
			if err := systemctl(ctx, "disable", "--now", u.Name+".service"); err != nil {
				return err
			}
		}
	}
	return nil
}

// withRuntime does something while the node's runtime runs: its own, which is then started again for that, or the machine's.
func (l Layout) withRuntime(ctx context.Context, units []*unit.Unit, do func() error) error {
	var runtimes []*unit.Unit
	for _, u := range units {
		if isRuntime(u) {
			runtimes = append(runtimes, u)
		}
	}
	if l.hasSystemd() || len(runtimes) == 0 {
		return do()
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.supervisor().Run(ctx, runtimes) }()
	err := do()
	cancel()
	return errors.Join(err, <-ended)
}

// stopAll ends what is left: under systemd, the runtime.
func (l Layout) stopAll(ctx context.Context, units []*unit.Unit) error {
	if !l.hasSystemd() {
		return nil
	}
	for _, u := range units {
		if isRuntime(u) {
			return systemctl(ctx, "disable", "--now", u.Name+".service")
		}
	}
	return nil
}

// kubeletConfig is the node's own, with as much of it as can be read.
func (l Layout) kubeletConfig() *kubeletconfig.KubeletConfiguration {
	k := &kubeletconfig.KubeletConfiguration{}
	text, err := os.ReadFile(l.In(kubeletDir, "config.yaml"))
	if err == nil {
		_ = yaml.Unmarshal(text, k) // a broken one has nothing to say
	}
	return k
}

// criSocket is where the node's runtime listens; "" where no kubelet was ever set up.
func (l Layout) criSocket() string { return l.kubeletConfig().ContainerRuntimeEndpoint }

// removePods stops and removes every pod that the runtime knows.
func removePods(ctx context.Context, socket string) error {
	var service criapi.RuntimeService
	builder := remote.NewRemoteRuntimeServiceBuilder().WithEndpoint(socket).WithConnectionTimeout(5 * time.Second).WithTracerProvider(nil)
	connect, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err := poll(connect, "the container runtime does not answer at "+socket, func(ctx context.Context) (err error) {
		if service, err = builder.Build(ctx); err == nil {
			_, err = service.Version(ctx, "v1")
		}
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(ctx, criTimeout)
	defer cancel()
	pods, err := service.ListPodSandbox(ctx, nil)
	if err != nil {
		return fmt.Errorf("kubeadm: list pods: %w", err)
	}
	var errs []error
	for _, p := range pods {
		if err := service.StopPodSandbox(ctx, p.Id); err != nil {
			errs = append(errs, fmt.Errorf("kubeadm: stop pod %s: %w", p.Metadata.GetName(), err))
		}
		if err := service.RemovePodSandbox(ctx, p.Id); err != nil {
			errs = append(errs, fmt.Errorf("kubeadm: remove pod %s: %w", p.Metadata.GetName(), err))
		}
	}
	return errors.Join(errs...)
}

// removeRules has kube-proxy take its own away.
func (l Layout) removeRules(ctx context.Context, bin string) error {
	proxy := filepath.Join(bin, proxyName)
	if _, err := os.Stat(proxy); err != nil {
		return nil // a cluster without kube-proxy may have none
	}
	if out, err := exec.CommandContext(ctx, proxy, "--cleanup").CombinedOutput(); err != nil {
		return fmt.Errorf("kubeadm: %s --cleanup: %w: %s", proxy, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// removeFiles deletes what init, join and the node's programs wrote. Logs of the programs stay where the node is the machine.
func (l Layout) removeFiles() error {
	paths := []string{
		manifestsDir, pkiDir, kubeletDir, etcdDir, podLogsDir, runDir, runtimeDir, runtimeRun, runtimeSocket,
		kubernetesDir + "/bootstrap-kubelet.conf", kubernetesDir + "/kubeadm.yaml",
	}
	s := &Settings{Layout: l}
	for _, id := range s.identities() {
		paths = append(paths, kubernetesDir+"/"+id.file)
	}
	for _, name := range []string{registryUnit, runtimeUnit, etcd, apiserver, controllerManager, scheduler, kubeletUnit} {
		paths = append(paths, unitsDir+"/"+name+".service")
	}
	if !l.IsMachine() {
		paths = append(paths, containerdDir, containerdRun, containerdConfig, unitsDir+"/"+daemonUnit+".service", logDir, cniDataDir, "/etc/cni", "/etc/resolv.conf")
	}
	var errs []error
	for _, path := range paths {
		if err := os.RemoveAll(l.In(path)); err != nil {
			errs = append(errs, fmt.Errorf("kubeadm: %w", err))
		}
	}
	if !l.IsMachine() {
		removeEmpty(l.Root)
	}
	return errors.Join(errs...)
}

// removeEmpty removes a folder and those in it, as far as there is nothing in them.
func removeEmpty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeEmpty(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir) // one with something in it stays
}

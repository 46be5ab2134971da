package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	bootstraputil "k8s.io/cluster-bootstrap/token/util"

	"github.com/petcd/petcd/orchestrator/kubeadm"
	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
)

// Cluster is a control plane and workers on this machine.
type Cluster struct {
	Name    string // of the namespaces: NAME-switch, NAME-master, NAME-worker1, …
	Root    string // folder of everything
	Bin     string // folder of the programs
	Images  string // OCI layout; "" for the one beside the programs
	Runtime string // embedded or containerd
	Workers int
	Config  string // further documents of the control plane's configuration file
	Units   bool   // the control plane runs by units, not in static pods
	Out     io.Writer

	mu sync.Mutex // of Out
}

// master is the control plane's name, as a node.
const master = "master"

// nodes are the names of all, the control plane's first.
func (c *Cluster) nodes() []string {
	names := []string{master}
	for i := range c.Workers {
		names = append(names, fmt.Sprintf("worker%d", i+1))
	}
	return names
}

func (c *Cluster) namespace(node string) namespace { return namespace(c.Name + "-" + node) }

func (c *Cluster) dir(node string) string { return filepath.Join(c.Root, node) }

// Kubeconfig is the file by which this machine's kubectl reaches the cluster while the forwarders run.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.Root, "kubeconfig") }

// say prints whole lines: nodes are set up side by side.
func (c *Cluster) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.Out, format+"\n", args...)
}

// check says what is missing before anything is made.
func (c *Cluster) check() error {
	if os.Geteuid() != 0 {
		return errors.New("up: network namespaces and cgroups need root")
	}
	abs, err := filepath.Abs(c.Root)
	if err != nil {
		return fmt.Errorf("up: %w", err)
	}
	c.Root = abs
	for _, n := range append(c.nodes(), "switch") {
		if c.namespace(n).exists() {
			return fmt.Errorf("up: there is a namespace %s already: `kubeadm down` removes it", c.namespace(n))
		}
	}
	return nil
}

// Start makes the namespaces and sets up all nodes, side by side. Down is to be called whether it fails or not.
func (c *Cluster) Start(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	sw := c.namespace("switch")
	if err := sw.create(); err != nil {
		return err
	}
	if err := makeSwitch(sw); err != nil {
		return err
	}
	for i, n := range c.nodes() {
		if err := c.namespace(n).create(); err != nil {
			return err
		}
		if err := wire(sw, c.namespace(n), i); err != nil {
			return err
		}
	}
	if err := c.writeConfig(); err != nil {
		return err
	}
	token, pin, err := c.secrets()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(c.nodes()))
	for i, n := range c.nodes() {
		go func() {
			err := c.setUp(ctx, n, i, token, pin)
			if err != nil {
				cancel() // the others would wait for it
			}
			results <- err
		}()
	}
	var errs []error
	for range c.nodes() {
		if err := <-results; err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return ctx.Err()
}

// kubeletConfig is what differs from kubelets that have a machine to themselves: how full its disk is isn't for these to judge, by
// shares of it, nor for them to make room on.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
imageGCHighThresholdPercent: 100
evictionHard:
  memory.available: 100Mi
  nodefs.available: 200Mi
  imagefs.available: 200Mi
`

// configFile is the control plane's, below its folder.
const configFile = "etc/kubernetes/kubeadm.yaml"

func (c *Cluster) writeConfig() error {
	file := filepath.Join(c.dir(master), configFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	if err := os.WriteFile(file, []byte(kubeletConfig+c.Config), 0o644); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	return nil
}

// secrets makes what nodes join by before there is a control plane, so that they needn't wait to be told: a token, and the authority.
func (c *Cluster) secrets() (token, pin string, err error) {
	if token, err = bootstraputil.GenerateBootstrapToken(); err != nil {
		return "", "", fmt.Errorf("up: %w", err)
	}
	dir := filepath.Join(c.dir(master), kubeadm.PKIDir)
	if err := pki.MakeAuthorities(dir); err != nil {
		return "", "", err
	}
	ca, err := pki.Read(dir, "ca")
	if err != nil {
		return "", "", err
	}
	return token, pki.Hash(ca.Cert), nil
}

// setUp runs kubeadm's init or join in a node's namespace.
func (c *Cluster) setUp(ctx context.Context, node string, number int, token, pin string) error {
	args := []string{
		"--root=" + c.dir(node), "--node-name=" + node, "--bin=" + c.Bin, "--images=" + c.Images, "--runtime=" + c.Runtime, "--token=" + token,
	}
	if node == master {
		args = append([]string{"init", "--apiserver-advertise-address=" + addressOf(number), "--apiserver-cert-extra-sans=127.0.0.1",
			"--config=" + filepath.Join(c.dir(node), configFile)}, args...)
		if c.Units {
			args = append(args, "--static-pods=false")
		}
	} else {
		endpoint := net.JoinHostPort(addressOf(0), "6443")
		args = append([]string{"join", endpoint, "--node-ip=" + addressOf(number), "--discovery-token-ca-cert-hash=" + pin}, args...)
	}
	return c.kubeadm(ctx, node, args...)
}

// kubeadm runs in a node's namespace, and what it says is shown with the node's name before it.
func (c *Cluster) kubeadm(ctx context.Context, node string, args ...string) error {
	said := &lines{to: func(line string) {
		if strings.HasPrefix(line, "[") { // what is for one who sets up a single machine is of no use here
			c.say("%-8s %s", node, line)
		}
	}}
	var failure strings.Builder
	cmd := exec.CommandContext(ctx, filepath.Join(c.Bin, "kubeadm"), args...)
	cmd.Stdout, cmd.Stderr = said, &failure
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this process to understand
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	if err := c.namespace(node).start(cmd); err != nil {
		return fmt.Errorf("up: %s: %w", node, err)
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("up: %s: kubeadm %s: %w\n%s", node, args[0], err, strings.TrimSpace(failure.String()))
	}
	return nil
}

// lines hands on whole lines of what is written.
type lines struct {
	to   func(line string)
	rest string
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	all := strings.Split(l.rest+string(p), "\n")
	for _, line := range all[:len(all)-1] {
		l.to(line)
	}
	l.rest = all[len(all)-1]
	return len(p), nil
}

// Down removes the cluster, or what is left of it.
func (c *Cluster) Down(ctx context.Context) error {
	abs, err := filepath.Abs(c.Root)
	if err != nil {
		return fmt.Errorf("up: %w", err)
	}
	c.Root = abs
	var mu sync.Mutex
	var errs []error
	var resets sync.WaitGroup
	for _, n := range c.left() {
		resets.Go(func() {
			err := c.kubeadm(ctx, n, "reset", "--force", "--root="+c.dir(n), "--bin="+c.Bin)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	resets.Wait()
	names, err := filepath.Glob(filepath.Join(namespaceDir, c.Name+"-*"))
	errs = append(errs, err)
	for _, name := range names {
		errs = append(errs, namespace(filepath.Base(name)).remove())
	}
	if err := os.Remove(c.Kubeconfig()); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, fmt.Errorf("up: %w", err))
	}
	if errors.Join(errs...) == nil {
		_ = os.Remove(c.Root) // one with something of others in it stays
	}
	return errors.Join(errs...)
}

// left are the nodes of which there is something, by their folders: there may be more than were asked for now.
func (c *Cluster) left() (nodes []string) {
	dirs, _ := filepath.Glob(filepath.Join(c.Root, "*")) // the pattern is a good one
	for _, dir := range dirs {
		n := filepath.Base(dir)
		if (n == master || strings.HasPrefix(n, "worker")) && c.namespace(n).exists() {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

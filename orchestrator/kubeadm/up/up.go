package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/petcd/petcd/orchestrator/kubeadm"
)

// readyTimeout is how long the cluster may take once its nodes are set up.
const readyTimeout = 3 * time.Minute

// Up makes the cluster, says how it is used, and removes it when ctx ends.
func (c *Cluster) Up(ctx context.Context) (err error) {
	begun := time.Now()
	if err := c.check(); err != nil {
		return err
	}
	defer func() {
		c.say("removing the cluster")
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		err = errors.Join(err, c.Down(cleaning))
	}()
	if err := c.Start(ctx); err != nil {
		return stopped(ctx, err)
	}
	forwards, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := c.forwardAPI(forwards); err != nil {
		return err
	}
	service, err := c.deploy(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	url, err := c.forwardTo(forwards, service, "127.0.0.1:8080")
	if err != nil {
		return err
	}
	c.explain(time.Since(begun), service, url)
	<-ctx.Done()
	return nil
}

// stopped is no failure: somebody asked for the end while the cluster was still being made.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// forwardAPI makes the apiserver reachable from this machine, and writes the kubeconfig that says where.
func (c *Cluster) forwardAPI(ctx context.Context) error {
	at, err := c.forwardTo(ctx, net.JoinHostPort(addressOf(0), "6443"), "127.0.0.1:0")
	if err != nil {
		return err
	}
	config, err := clientcmd.LoadFromFile(kubeadm.Layout{Root: c.dir(master)}.Kubeconfig("admin.conf"))
	if err != nil {
		return fmt.Errorf("up: %w", err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + at
	}
	text, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("up: %w", err)
	}
	if err := os.WriteFile(c.Kubeconfig(), text, 0o600); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	return nil
}

// forwardTo makes an address of the cluster reachable from this machine: where it is wanted, or on any port where that is taken.
func (c *Cluster) forwardTo(ctx context.Context, address, wanted string) (at string, err error) {
	l, err := net.Listen("tcp", wanted)
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", fmt.Errorf("up: %w", err)
	}
	go func() {
		if err := forward(ctx, l, c.namespace(master), address); err != nil {
			c.say("%v", err)
		}
	}()
	return l.Addr().String(), nil
}

// deploy runs the application and waits until all is ready. It returns where its Service is, within the cluster.
func (c *Cluster) deploy(ctx context.Context) (address string, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return "", fmt.Errorf("up: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", fmt.Errorf("up: %w", err)
	}
	service, err := deployWeb(ctx, client)
	if err != nil {
		return "", err
	}
	if err := c.ready(ctx, client); err != nil {
		return "", err
	}
	address = net.JoinHostPort(service.Spec.ClusterIP, "80")
	return address, reachable(ctx, c.namespace(master), address)
}

func (c *Cluster) explain(took time.Duration, service, url string) {
	c.say(`
The cluster is up after %v: a control plane and %d workers, on the %s runtime. In another terminal:

  export KUBECONFIG=%s
  kubectl get nodes -o wide
  kubectl get pods -A -o wide

A web application runs behind the Service %q (%s):

  curl http://%s                                from here
  nsenter --net=%s curl http://%s     from the control plane's node

Roll out its next version:

  kubectl set image deployment/web web=127.0.0.1:5055/web:v2

Logs of the nodes' programs are in %s/*/var/log. Ctrl-C removes all.`,
		took.Round(100*time.Millisecond), c.Workers, c.Runtime, c.Kubeconfig(), web, service, url, c.namespace(master).path(), service, c.Root)
}

// Commands are `kubeadm up` and `kubeadm down`.
func Commands() []*cobra.Command {
	up := &Cluster{}
	upCmd := &cobra.Command{
		Use: "up", Short: "Makes a cluster of a control plane and workers on this machine, until Ctrl-C", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			up.Out = cmd.OutOrStdout()
			return up.Up(cmd.Context())
		},
	}
	addFlags(upCmd, up)
	upCmd.Flags().IntVar(&up.Workers, "workers", 2, "how many workers")
	upCmd.Flags().StringVar(&up.Runtime, "runtime", "embedded", "embedded, or containerd")
	upCmd.Flags().StringVar(&up.Images, "images", "", "OCI layout of the images (default <bin>/images.oci)")
	down := &Cluster{}
	downCmd := &cobra.Command{
		Use: "down", Short: "Removes what is left of a cluster made by up", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			down.Out = cmd.OutOrStdout()
			return down.Down(cmd.Context())
		},
	}
	addFlags(downCmd, down)
	return []*cobra.Command{upCmd, downCmd}
}

func addFlags(cmd *cobra.Command, c *Cluster) {
	self, err := os.Executable()
	if err != nil {
		self = "." // then --bin says it
	}
	f := cmd.Flags()
	f.StringVar(&c.Root, "root", "kube", "folder of everything")
	f.StringVar(&c.Name, "name", "kube", "what the names of the network namespaces begin with")
	f.StringVar(&c.Bin, "bin", filepath.Dir(self), "folder of the programs")
}

package clustertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// readyTimeout is how long a program may take to serve. A busy machine of two cores is slow to start them all.
const readyTimeout = 2 * time.Minute

// shutdownPatience is how long a program may take to end.
const shutdownPatience = 20 * time.Second

// Options say what a cluster is made of.
type Options struct {
	Dir   string // for data, certificates and logs
	Bin   string // the folder of the programs
	Store string // the store's program; empty: Bin's etcd

	APIServer  []string // further flags
	Controller []string
	Scheduler  []string

	NoController bool
	NoScheduler  bool
}

// Cluster is a control plane that runs.
type Cluster struct {
	Store, APIServer      *Process
	Controller, Scheduler *Process // nil where the options say so
	StoreURL              string
	Kubeconfig            string // of the user admin, in group system:masters

	options   Options
	authority *authority
	server    string
	processes []*Process
}

// Start runs a cluster and waits until its apiserver is ready. Stop it also when Start fails, if it isn't nil.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil { // kubeconfigs name files by their whole path
		return nil, fmt.Errorf("clustertest: %w", err)
	}
	c := &Cluster{options: o}
	for _, step := range []func() error{c.credentials, c.describe} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if err := c.Store.start(); err != nil {
		return c, err
	}
	if err := c.StartAPIServer(ctx); err != nil {
		return c, err
	}
	for _, p := range []*Process{c.Controller, c.Scheduler} {
		if p == nil {
			continue
		}
		if err := p.start(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// users are who has certificates, beside nodes.
var users = map[string]struct {
	user   string
	groups []string
}{
	"admin":              {"kubernetes-admin", []string{"system:masters"}},
	"controller-manager": {"system:kube-controller-manager", nil},
	"scheduler":          {"system:kube-scheduler", nil},
	"apiserver":          {"kube-apiserver", nil},
	"kubelet-client":     {"kube-apiserver-kubelet-client", []string{"system:masters"}},
}

// credentials makes certificates and keys.
func (c *Cluster) credentials() (err error) {
	if c.authority, err = newAuthority(c.options.Dir); err != nil {
		return err
	}
	for name, u := range users {
		if err := c.authority.pair(name, u.user, u.groups...); err != nil {
			return err
		}
	}
	return c.authority.signingKey("sa.key")
}

// describe chooses ports and makes the command lines.
func (c *Cluster) describe() error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	o, file := &c.options, c.authority.file
	peer := "http://127.0.0.1:" + strconv.Itoa(ports[1])
	c.StoreURL = "http://127.0.0.1:" + strconv.Itoa(ports[0])
	c.server = "https://127.0.0.1:" + strconv.Itoa(ports[2])
	store := o.Store
	if store == "" {
		store = filepath.Join(o.Bin, "etcd")
	}
	c.Store = c.process("etcd", store, "--data-dir="+file("store"), "--listen-client-urls="+c.StoreURL, "--advertise-client-urls="+c.StoreURL,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
	c.APIServer = c.process("kube-apiserver", filepath.Join(o.Bin, "kube-apiserver"), append([]string{
		"--etcd-servers=" + c.StoreURL, "--bind-address=127.0.0.1", "--advertise-address=192.0.2.1", "--secure-port=" + strconv.Itoa(ports[2]),
		"--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"), "--client-ca-file=" + file("ca.crt"),
		"--kubelet-client-certificate=" + file("kubelet-client.crt"), "--kubelet-client-key=" + file("kubelet-client.key"),
		"--kubelet-certificate-authority=" + file("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local", "--service-account-signing-key-file=" + file("sa.key"), "--service-account-key-file=" + file("sa.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--service-cluster-ip-range=10.96.0.0/12",
	}, o.APIServer...)...)
	for _, name := range []string{"admin", "controller-manager", "scheduler"} {
		if err := c.writeKubeconfig(name); err != nil {
			return err
		}
	}
	c.Kubeconfig = file("admin.kubeconfig")
	if !o.NoController {
		c.Controller = c.NewController("kube-controller-manager")
	}
	if !o.NoScheduler {
		c.Scheduler = c.process("kube-scheduler", filepath.Join(o.Bin, "kube-scheduler"), append([]string{"--kubeconfig=" + file("scheduler.kubeconfig"), "--secure-port=0"}, o.Scheduler...)...)
	}
	return nil
}

// NewController describes one more kube-controller-manager, whose log has a name of its own.
func (c *Cluster) NewController(name string) *Process {
	return c.process(name, filepath.Join(c.options.Bin, "kube-controller-manager"), append([]string{
		"--kubeconfig=" + c.authority.file("controller-manager.kubeconfig"), "--secure-port=0",
		"--root-ca-file=" + c.authority.file("ca.crt"), "--service-account-private-key-file=" + c.authority.file("sa.key"),
	}, c.options.Controller...)...)
}

func (c *Cluster) process(name, bin string, args ...string) *Process {
	p := newProcess(c.options.Dir, name, bin, args...)
	c.processes = append(c.processes, p)
	return p
}

// Run starts a process of the cluster, again or for the first time.
func (c *Cluster) Run(p *Process) error { return p.start() }

// StartAPIServer starts the apiserver, again if it has ended, and waits until it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	if err := c.APIServer.start(); err != nil {
		return err
	}
	config, err := c.Config()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("clustertest: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		switch {
		case err == nil:
			return nil
		case !c.APIServer.running():
			return fmt.Errorf("clustertest: kube-apiserver ended: %w\n%s", c.APIServer.err, c.APIServer.tail(20))
		case ctx.Err() != nil:
			return fmt.Errorf("clustertest: kube-apiserver is not ready: %w\n%s", err, c.APIServer.tail(20))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Config is how to reach the apiserver as admin.
func (c *Cluster) Config() (*rest.Config, error) { return c.ConfigOf("admin") }

// ConfigOf is how to reach it as one of users, or as a node that has credentials.
func (c *Cluster) ConfigOf(name string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.authority.file(name+".kubeconfig"))
	if err != nil {
		return nil, fmt.Errorf("clustertest: %w", err)
	}
	config.QPS, config.Burst = -1, -1
	return config, nil
}

// NodeCredentials makes a kubelet's credentials; ConfigOf(name) then finds them.
func (c *Cluster) NodeCredentials(name string) error {
	if err := c.authority.pair(name, "system:node:"+name, "system:nodes"); err != nil {
		return err
	}
	return c.writeKubeconfig(name)
}

func (c *Cluster) writeKubeconfig(name string) error {
	file := c.authority.file
	config := clientcmdapi.NewConfig()
	config.Clusters["petcd"] = &clientcmdapi.Cluster{Server: c.server, CertificateAuthority: file("ca.crt")}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificate: file(name + ".crt"), ClientKey: file(name + ".key")}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: "petcd", AuthInfo: name}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, file(name+".kubeconfig")); err != nil {
		return fmt.Errorf("clustertest: %w", err)
	}
	return nil
}

// Server is the apiserver's address.
func (c *Cluster) Server() string { return c.server }

// File is a file in the cluster's folder.
func (c *Cluster) File(name string) string { return c.authority.file(name) }

// Tails are the last lines of all logs, for a test that failed.
func (c *Cluster) Tails(lines int) (text string) {
	for _, p := range c.processes {
		if _, err := os.Stat(p.Log); err == nil {
			text += fmt.Sprintf("--- %s ends with:\n%s\n", p.Name, p.tail(lines))
		}
	}
	return text
}

// Shutdown ends all processes as an operator does, who wants to start them again: leases are given back. Those that have no end by themselves
// are killed.
func (c *Cluster) Shutdown() error {
	var errs []error
	for i := len(c.processes) - 1; i >= 0; i-- {
		errs = append(errs, c.processes[i].end(syscall.SIGTERM, shutdownPatience))
	}
	return errors.Join(errs...)
}

// Stop ends all processes at once, the store last.
func (c *Cluster) Stop() error {
	var errs []error
	for i := len(c.processes) - 1; i >= 0; i-- {
		errs = append(errs, c.processes[i].end(os.Kill, readyTimeout))
	}
	return errors.Join(errs...)
}

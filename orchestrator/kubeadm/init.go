package kubeadm

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"

	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
	"github.com/petcd/petcd/orchestrator/kubeadm/unit"
)

// readyTimeout is how long a control plane may take to answer.
const readyTimeout = 4 * time.Minute

// initRun is one run of Init.
type initRun struct {
	*Settings
	out    io.Writer
	client kubernetes.Interface // of an administrator, once there is an apiserver
	apply  *applier
}

// phase is one step, by upstream's name. Those of a group are skipped together by the group's name.
type phase struct {
	name string
	run  func(context.Context) error
	// live tells that the step needs a running cluster, which a dry run has none of.
	live bool
}

func (r *initRun) phases() []phase {
	return []phase{
		{"preflight", r.preflight, false},
		{"certs", r.certs, false},
		{"kubeconfig", r.kubeconfigs, false},
		{"control-plane", r.controlPlane, false},
		{"etcd", r.etcdPhase, false},
		{"kubelet-start", r.kubeletStart, false},
		{"wait-control-plane", r.wait, true},
		{"upload-config", r.uploadConfig, true},
		{"mark-control-plane", r.mark, true},
		{"bootstrap-token", r.bootstrapToken, true},
		{"addon/pod-network", r.addonNetwork, true},
		{"addon/kube-proxy", r.addonProxy, true},
		{"addon/coredns", r.addonDNS, true},
	}
}

// Init makes this machine, or the folder of settings' root, the control plane of a new cluster, and tells out what it does.
func Init(ctx context.Context, s *Settings, out io.Writer) error {
	if s.Token == "" {
		token, err := bootstraputil.GenerateBootstrapToken()
		if err != nil {
			return fmt.Errorf("kubeadm: token: %w", err)
		}
		s.Token = token
	}
	if s.DryRun {
		dir, err := os.MkdirTemp("", "kubeadm-init-dryrun")
		if err != nil {
			return fmt.Errorf("kubeadm: %w", err)
		}
		s.Root = dir
	}
	r := &initRun{Settings: s, out: out}
	if err := r.checkSkipped(); err != nil {
		return err
	}
	r.say("[init] Using Kubernetes version: %s", s.KubernetesVersion)
	for _, p := range r.phases() {
		if r.skipped(p.name) || p.live && s.DryRun {
			continue
		}
		if err := p.run(ctx); err != nil {
			return fmt.Errorf("error execution phase %s: %w", p.name, err)
		}
	}
	if s.DryRun {
		r.say("\n[dryrun] %s has what would be used; nothing was started.", s.root())
		return nil
	}
	return r.explain()
}

func (r *initRun) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// skipped tells whether a phase is skipped: by its name, or that of its group.
func (r *initRun) skipped(name string) bool {
	group, _, _ := strings.Cut(name, "/")
	return slices.Contains(r.Skip, name) || slices.Contains(r.Skip, group)
}

// checkSkipped refuses names of no phase, which would silently run what shall not be run.
func (r *initRun) checkSkipped() error {
	for _, name := range r.Skip {
		known := slices.ContainsFunc(r.phases(), func(p phase) bool {
			group, _, _ := strings.Cut(p.name, "/")
			return name == p.name || name == group
		})
		if !known {
			return fmt.Errorf("--skip-phases: there is no phase %q", name)
		}
	}
	return nil
}

func (r *initRun) preflight(context.Context) error {
	r.say("[preflight] Running pre-flight checks")
	if r.DryRun {
		return nil // it changes nothing that could be in the way
	}
	return preflight(r.checks(), r.Ignore, func(w string) { r.say("\t%s", w) })
}

func (r *initRun) certs(context.Context) error {
	r.say("[certs] Using certificateDir folder %q", r.In(pkiDir))
	o, err := r.pki()
	if err != nil {
		return err
	}
	return pki.Make(o)
}

// pki says what certificates the cluster needs.
func (s *Settings) pki() (pki.Options, error) {
	serviceIP, err := s.serviceIP(1)
	if err != nil {
		return pki.Options{}, err
	}
	sans := slices.Clone(s.CertSANs)
	if s.ControlPlaneEndpoint != "" {
		host, _, err := net.SplitHostPort(s.endpoint())
		if err != nil {
			return pki.Options{}, fmt.Errorf("controlPlaneEndpoint: %w", err)
		}
		sans = append(sans, host)
	}
	return pki.Options{
		Dir: s.In(pkiDir), NodeName: s.NodeName, Advertised: net.ParseIP(s.Address), ServiceIP: serviceIP, DNSDomain: s.DNSDomain,
		ExtraSANs: sans, Life: s.CertLife, AuthorityLife: s.CALife,
	}, nil
}

func (r *initRun) kubeconfigs(context.Context) error {
	r.say("[kubeconfig] Using kubeconfig folder %q", r.In(kubernetesDir))
	return r.WriteKubeconfigs()
}

func (r *initRun) controlPlane(context.Context) error {
	return r.writePrograms("control-plane", apiserver, controllerManager, scheduler)
}

func (r *initRun) etcdPhase(context.Context) error { return r.writePrograms("etcd", etcd) }

// writePrograms writes what programs are run by.
func (r *initRun) writePrograms(phase string, names ...string) error {
	if r.StaticPods {
		r.say("[%s] Using manifest folder %q", phase, r.In(manifestsDir))
		return r.WriteManifests(names...)
	}
	r.say("[%s] Using unit folder %q", phase, r.In(unitsDir))
	return r.WriteProgramUnits(names...)
}

// WriteProgramUnits writes units of the control plane's programs, for a set-up without static pods.
func (s *Settings) WriteProgramUnits(names ...string) error {
	all, err := s.programUnits()
	if err != nil {
		return err
	}
	for _, u := range all {
		if slices.Contains(names, u.Name) {
			if err := u.Write(s.In(unitsDir)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Settings) programUnits() (units []*unit.Unit, err error) {
	all, err := s.programs(s.Layout)
	if err != nil {
		return nil, err
	}
	var after []string
	for _, p := range all {
		units = append(units, &unit.Unit{Name: p.name, Description: descriptions()[p.name], After: after, Exec: p.command(s.node().program(p.name))})
		after = []string{p.name} // etcd, then the apiserver, then those that need it
		if p.name != etcd {
			after = []string{apiserver}
		}
	}
	return units, nil
}

func descriptions() map[string]string {
	return map[string]string{
		etcd: "etcd key-value store (petcd)", apiserver: "Kubernetes API server", controllerManager: "Kubernetes controller manager",
		scheduler: "Kubernetes scheduler",
	}
}

func (r *initRun) kubeletStart(ctx context.Context) error {
	k, err := r.kubeletConfiguration()
	if err != nil {
		return err
	}
	r.say("[kubelet-start] Writing kubelet configuration to file %q", r.In(kubeletDir, "config.yaml"))
	n := r.node()
	if err := n.writeKubeletConfig(k); err != nil {
		return err
	}
	if err := n.WriteUnits(); err != nil || r.DryRun {
		return err
	}
	var more []string
	if !r.StaticPods {
		more = allPrograms()
	}
	r.say("[kubelet-start] Starting the kubelet and the %s runtime", r.Runtime)
	return n.Start(ctx, more...)
}

func (r *initRun) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	begun := time.Now()
	r.say("[wait-control-plane] Waiting for the kubelet and the control plane. This can take up to %v", readyTimeout)
	if err := healthyKubelet(ctx); err != nil {
		return fmt.Errorf("%w; its log is %s", err, r.In(logDir, kubeletUnit+".log"))
	}
	config, err := r.waitAPIServer(ctx)
	if err != nil {
		return err
	}
	if r.apply, err = newApplier(config); err != nil {
		return err
	}
	if err := r.apply.apply(ctx, adminAccess()); err != nil {
		return err
	}
	r.client, config, err = clientOf(r.Kubeconfig("admin.conf"))
	if err != nil {
		return err
	}
	if r.apply, err = newApplier(config); err != nil {
		return err
	}
	r.say("[wait-control-plane] The API server is healthy after %v", time.Since(begun).Round(time.Millisecond))
	return nil
}

// waitAPIServer waits until the apiserver is ready for one who may do everything.
func (r *initRun) waitAPIServer(ctx context.Context) (*rest.Config, error) {
	client, config, err := clientOf(r.Kubeconfig("super-admin.conf"))
	if err != nil {
		return nil, err
	}
	return config, poll(ctx, "the API server is not healthy", func(ctx context.Context) error {
		var status int
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		result := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status)
		if err := result.Error(); err != nil || status != http.StatusOK {
			return errors.Join(fmt.Errorf("status %d", status), err)
		}
		return nil
	})
}

// explain tells what the cluster is used and joined with.
func (r *initRun) explain() error {
	ca, err := pki.Read(r.In(pkiDir), "ca")
	if err != nil {
		return err
	}
	r.say("\nYour Kubernetes control-plane has initialized successfully!\n\nTo start using your cluster, as root:\n\n  export KUBECONFIG=%s\n", r.Kubeconfig("admin.conf"))
	r.say("Then you can join any number of worker nodes by running the following on each as root:\n\n%s", r.joinCommand(ca.Cert))
	return nil
}

// joinCommand is what a machine runs to become a node.
func (s *Settings) joinCommand(ca *x509.Certificate) string {
	return fmt.Sprintf("kubeadm join %s --token %s \\\n\t--discovery-token-ca-cert-hash %s", s.endpoint(), s.Token, pki.Hash(ca))
}

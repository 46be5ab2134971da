package kubeadm

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"
	"k8s.io/component-base/version"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	netutils "k8s.io/utils/net"

	"github.com/petcd/petcd/orchestrator/images"
	"github.com/petcd/petcd/orchestrator/kubeadm/pki"
)

// Settings are what a control plane is made of, from flags and a configuration file.
type Settings struct {
	Layout
	Bin    string // where the programs are
	Images string // an OCI layout that this node serves itself; "" where images come from a registry elsewhere

	NodeName  string
	Address   string // of the apiserver, and of the node
	Port      int32
	Runtime   string // embedded or containerd
	CRISocket string
	Taints    []v1.Taint // of the node; nil is the usual one of control planes

	KubernetesVersion    string
	ControlPlaneEndpoint string
	ClusterName          string
	ImageRepository      string
	ServiceSubnet        string
	PodSubnet            string
	DNSDomain            string
	CertSANs             []string
	CertLife, CALife     time.Duration
	ExtraArgs            map[string][]Arg // by program
	Kubelet              *kubeletconfig.KubeletConfiguration
	ProxyMode            string

	Token    string
	TokenTTL time.Duration

	StaticPods bool // or units of systemd
	DryRun     bool
	Skip       []string
	Ignore     []string // errors of preflight, in lower case
}

// Arg is a further flag of a program; one that is there already is replaced.
type Arg struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The runtimes that there are.
const (
	runtimeEmbedded   = "embedded"
	runtimeContainerd = "containerd"
)

// NewSettings returns upstream's defaults, and those of this machine.
func NewSettings() *Settings {
	bin := "."
	if self, err := os.Executable(); err == nil {
		bin = filepath.Dir(self)
	}
	return &Settings{
		Bin: bin, Port: 6443, KubernetesVersion: images.Tag(version.Get().GitVersion), ClusterName: "kubernetes",
		ServiceSubnet: "10.96.0.0/12", PodSubnet: "10.244.0.0/16", DNSDomain: "cluster.local", TokenTTL: 24 * time.Hour, StaticPods: true,
		CertLife: pki.DefaultLife, CALife: pki.DefaultAuthorityLife, ExtraArgs: map[string][]Arg{}, ProxyMode: "nftables",
	}
}

// Complete fills in what follows from this machine, and says all that is wrong.
func (s *Settings) Complete() error {
	if s.Root != "" {
		abs, err := filepath.Abs(s.Root)
		if err != nil {
			return fmt.Errorf("--root: %w", err)
		}
		s.Root = abs
	}
	if s.NodeName == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("--node-name: %w", err)
		}
		s.NodeName = strings.ToLower(host)
	}
	if s.Address == "" {
		ip, err := ownAddress()
		if err != nil {
			return err
		}
		s.Address = ip.String()
	}
	if s.ImageRepository == "" {
		s.ImageRepository = images.DefaultAddress
	}
	if s.Images == "" && strings.HasPrefix(s.ImageRepository, "127.") {
		s.Images = filepath.Join(s.Bin, "images.oci")
	}
	s.completeRuntime()
	return s.validate()
}

// completeRuntime chooses the runtime: the one that is asked for, or the one that is there.
func (s *Settings) completeRuntime() {
	if s.Runtime == "" {
		s.Runtime = runtimeEmbedded
		if s.CRISocket != "" && strings.Contains(s.CRISocket, "containerd") || s.CRISocket == "" && isSocket(s.In(containerdSocket)) {
			s.Runtime = runtimeContainerd
		}
	}
	if s.CRISocket == "" {
		s.CRISocket = "unix://" + s.In(runtimeSocket)
		if s.Runtime == runtimeContainerd {
			s.CRISocket = "unix://" + s.In(containerdSocket)
		}
	}
}

func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeSocket != 0
}

// ownAddress is the address from which this machine reaches others.
func ownAddress() (net.IP, error) {
	conn, err := net.Dial("udp", "192.0.2.1:9") // nothing is sent
	if err != nil {
		return nil, fmt.Errorf("this machine has no address that others reach (no default route): give one by --apiserver-advertise-address: %w", err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP, nil
}

func (s *Settings) validate() error {
	var errs []error
	for _, e := range utilvalidation.IsDNS1123Subdomain(s.NodeName) {
		errs = append(errs, fmt.Errorf("--node-name: %q: %s", s.NodeName, e))
	}
	if net.ParseIP(s.Address) == nil {
		errs = append(errs, fmt.Errorf("--apiserver-advertise-address: %q is no address", s.Address))
	}
	if s.Port < 1 || s.Port > 65535 {
		errs = append(errs, fmt.Errorf("--apiserver-bind-port: %d is no port", s.Port))
	}
	if s.Runtime != runtimeEmbedded && s.Runtime != runtimeContainerd {
		errs = append(errs, fmt.Errorf("--runtime: %q is neither embedded nor containerd", s.Runtime))
	}
	if !strings.HasPrefix(s.CRISocket, "unix:///") {
		errs = append(errs, fmt.Errorf("--cri-socket: %q is no unix:///path", s.CRISocket))
	}
	for flag, subnet := range map[string]string{"--service-cidr": s.ServiceSubnet, "--pod-network-cidr": s.PodSubnet} {
		if _, err := netip.ParsePrefix(subnet); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", flag, err))
		}
	}
	if s.Token != "" && !bootstraputil.IsValidBootstrapToken(s.Token) {
		errs = append(errs, fmt.Errorf("--token: a token is six, a dot, and sixteen lower case letters and digits"))
	}
	if s.ProxyMode != "nftables" && s.ProxyMode != "iptables" {
		errs = append(errs, fmt.Errorf("kube-proxy's mode is nftables or iptables, not %q", s.ProxyMode))
	}
	for program := range s.ExtraArgs {
		if !isProgram(program) {
			errs = append(errs, fmt.Errorf("extra arguments for %q, which is no program of a control plane", program))
		}
	}
	return errors.Join(errs...)
}

// serviceIP is the address of a range at an index: 1 is the Service kubernetes, 10 the DNS.
func (s *Settings) serviceIP(index int) (net.IP, error) {
	_, subnet, err := netutils.ParseCIDRSloppy(s.ServiceSubnet)
	if err != nil {
		return nil, fmt.Errorf("--service-cidr: %w", err)
	}
	ip, err := netutils.GetIndexedIP(subnet, index)
	if err != nil {
		return nil, fmt.Errorf("--service-cidr: %w", err)
	}
	return ip, nil
}

// endpoint is where clients of the cluster find its apiserver.
func (s *Settings) endpoint() string {
	if s.ControlPlaneEndpoint == "" {
		return net.JoinHostPort(s.Address, fmt.Sprint(s.Port))
	}
	if _, _, err := net.SplitHostPort(s.ControlPlaneEndpoint); err != nil {
		return net.JoinHostPort(s.ControlPlaneEndpoint, fmt.Sprint(s.Port))
	}
	return s.ControlPlaneEndpoint
}

// image is the name of one of the cluster's images.
func (s *Settings) image(name string) string {
	return s.ImageRepository + "/" + name + ":" + images.Tag(s.KubernetesVersion)
}

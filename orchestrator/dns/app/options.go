package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	miekg "github.com/miekg/dns"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/process"
)

// Options are the flags of cluster-dns.
type Options struct {
	process.Options
	Logs *logs.Options

	Port        int // of DNS, by UDP and TCP
	HealthPort  int // of /health; 0: none
	ReadyPort   int // of /ready; 0: none
	MetricsPort int // of /metrics; 0: none

	Domain   string // the zone
	Forward  string // who knows other names: none, addresses, or a resolv.conf
	Pods     string // insecure or disabled
	TTL      time.Duration
	Negative time.Duration
	LameDuck time.Duration // how long questions are answered still when this process is told to end

	clock clock.Clock // that the lame duck looks at
}

// How names of pods' addresses are answered, by CoreDNS' names.
const (
	podsInsecure = "insecure"
	podsDisabled = "disabled"
)

// NewOptions returns the defaults: CoreDNS', as kubeadm configures it.
func NewOptions() *Options {
	o := &Options{
		Options: process.NewOptions("cluster-dns", 0), Logs: logs.NewOptions(),
		Port: 53, HealthPort: 8080, ReadyPort: 8181, MetricsPort: 9153,
		Domain: "cluster.local", Forward: "/etc/resolv.conf", Pods: podsInsecure,
		TTL: 30 * time.Second, Negative: 5 * time.Second, LameDuck: 5 * time.Second,
		clock: clock.RealClock{},
	}
	o.Election.LeaderElect = false // any number of them answer
	o.Address = nil
	return o
}

// Flags are all flags, in named sets.
func (o *Options) Flags() (all flag.NamedFlagSets) {
	f := all.FlagSet("generic")
	f.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "The file that says where the apiserver is and whom it knows this process as. Within a pod it may be left out.")
	f.StringVar(&o.Master, "master", o.Master, "The apiserver's address, in place of the one in --kubeconfig.")
	logsapi.AddFlags(o.Logs, all.FlagSet("logs"))
	f = all.FlagSet("names")
	f.StringVar(&o.Domain, "domain", o.Domain, "The zone of the cluster.")
	f.StringVar(&o.Pods, "pods", o.Pods, "Whether a-b-c-d.NAMESPACE.pod.ZONE is an address: 'insecure' for any address, 'disabled' for none.")
	f.DurationVar(&o.TTL, "ttl", o.TTL, "How long clients may keep an answer.")
	f.DurationVar(&o.Negative, "negative-ttl", o.Negative, "How long clients may keep that there is none.")
	f.StringVar(&o.Forward, "forward", o.Forward,
		"Who is asked for other names: addresses with a comma between, each with or without a port, or a file like /etc/resolv.conf, "+
			"which is read at the start. With 'none' such questions are refused.")
	f = all.FlagSet("serving")
	f.IPVar(&o.Address, "bind-address", o.Address, "The address on which all is served; all addresses if not given.")
	f.IntVar(&o.Port, "port", o.Port, "The port of DNS, by UDP and TCP.")
	f.IntVar(&o.HealthPort, "health-port", o.HealthPort, "The port on which /health says that this process lives, by HTTP; 0 for none.")
	f.IntVar(&o.ReadyPort, "ready-port", o.ReadyPort, "The port on which /ready says that all of the cluster is known, by HTTP; 0 for none.")
	f.IntVar(&o.MetricsPort, "metrics-port", o.MetricsPort, "The port of /metrics, by HTTP; 0 for none.")
	f.DurationVar(&o.LameDuck, "lame-duck", o.LameDuck, "How long questions are answered still after a signal to end, while Services forget this process.")
	return all
}

// Validate says all that is wrong with the flags.
func (o *Options) Validate() error {
	errs := []error{o.Options.Validate()}
	for _, problem := range validation.IsDNS1123Subdomain(strings.TrimSuffix(o.Domain, ".")) {
		errs = append(errs, fmt.Errorf("--domain: %q: %s", o.Domain, problem))
	}
	if o.Pods != podsInsecure && o.Pods != podsDisabled {
		errs = append(errs, fmt.Errorf("--pods: %q is neither %s nor %s", o.Pods, podsInsecure, podsDisabled))
	}
	ports := map[string]int{"port": o.Port, "health-port": o.HealthPort, "ready-port": o.ReadyPort, "metrics-port": o.MetricsPort}
	for name, port := range ports {
		if port < 0 || port > 65535 {
			errs = append(errs, fmt.Errorf("--%s: %d is no port", name, port))
		}
	}
	for name, d := range map[string]time.Duration{"ttl": o.TTL, "negative-ttl": o.Negative} {
		if d < 0 || d > time.Hour {
			errs = append(errs, fmt.Errorf("--%s: %v is not between 0 and 1h", name, d))
		}
	}
	if o.LameDuck < 0 {
		errs = append(errs, errors.New("--lame-duck: must not be negative"))
	}
	return errors.Join(errs...)
}

// zone is --domain as names in questions are.
func (o *Options) zone() string { return miekg.CanonicalName(o.Domain) }

// at is a port at --bind-address.
func (o *Options) at(port int) string {
	if o.Address == nil {
		return net.JoinHostPort("", strconv.Itoa(port))
	}
	return net.JoinHostPort(o.Address.String(), strconv.Itoa(port))
}

// self tells whether an address is one where this process answers questions.
func (o *Options) self(host, port string) bool {
	ip := net.ParseIP(host)
	if port != strconv.Itoa(o.Port) || ip == nil {
		return false
	}
	if o.Address != nil && !o.Address.IsUnspecified() {
		return ip.Equal(o.Address)
	}
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false // a probe will tell
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}

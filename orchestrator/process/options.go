package process

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli/flag"
	componentbaseconfig "k8s.io/component-base/config"
	"k8s.io/component-base/config/options"
)

// Options are the flags that such processes share, by upstream's names.
type Options struct {
	Name string // of the program, and of the Lease that its instances compete for

	Kubeconfig string
	Master     string
	QPS        float32
	Burst      int32

	Election componentbaseconfig.LeaderElectionConfiguration

	Address  net.IP
	Port     int // 0: nothing is served
	CertFile string
	KeyFile  string
}

// NewOptions returns the defaults of a program that says how it is on a port.
func NewOptions(name string, port int) Options {
	return Options{
		Name: name, QPS: 50, Burst: 100, Address: net.IPv4zero, Port: port,
		Election: componentbaseconfig.LeaderElectionConfiguration{
			LeaderElect: true, ResourceLock: "leases", ResourceNamespace: "kube-system", ResourceName: name,
			LeaseDuration: metav1.Duration{Duration: 15 * time.Second}, RenewDeadline: metav1.Duration{Duration: 10 * time.Second}, RetryPeriod: metav1.Duration{Duration: 2 * time.Second},
		},
	}
}

// AddFlags adds the flags to their sets.
func (o *Options) AddFlags(all *flag.NamedFlagSets) {
	f := all.FlagSet("generic")
	f.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "The file that says where the apiserver is and whom it knows this process as. Within a pod it may be left out.")
	f.StringVar(&o.Master, "master", o.Master, "The apiserver's address, in place of the one in --kubeconfig.")
	f.Float32Var(&o.QPS, "kube-api-qps", o.QPS, "Requests per second to the apiserver; negative for no bound.")
	f.Int32Var(&o.Burst, "kube-api-burst", o.Burst, "How many requests may exceed --kube-api-qps at a time.")
	options.BindLeaderElectionFlags(&o.Election, all.FlagSet("leader election"))
	o.addServingFlags(all.FlagSet("serving"))
}

func (o *Options) addServingFlags(f *pflag.FlagSet) {
	f.IPVar(&o.Address, "bind-address", o.Address, "The address on which health and metrics are served.")
	f.IntVar(&o.Port, "secure-port", o.Port, "The port on which health and metrics are served, by HTTPS; 0 for none.")
	f.StringVar(&o.CertFile, "tls-cert-file", o.CertFile, "The certificate of that port. Without it one is made at start.")
	f.StringVar(&o.KeyFile, "tls-private-key-file", o.KeyFile, "The key of --tls-cert-file.")
	f.String("authentication-kubeconfig", "", "Accepted for upstream's command lines: health and metrics are served to whoever reaches the port.")
	f.String("authorization-kubeconfig", "", "Accepted for upstream's command lines, as --authentication-kubeconfig.")
	f.String("client-ca-file", "", "Accepted for upstream's command lines, as --authentication-kubeconfig.")
	f.String("requestheader-client-ca-file", "", "Accepted for upstream's command lines, as --authentication-kubeconfig.")
}

// Validate says all that is wrong with the flags.
func (o *Options) Validate() error {
	var errs []error
	if (o.CertFile == "") != (o.KeyFile == "") {
		errs = append(errs, errors.New("--tls-cert-file and --tls-private-key-file go together"))
	}
	if o.Port < 0 || o.Port > 65535 {
		errs = append(errs, fmt.Errorf("--secure-port: %d is no port", o.Port))
	}
	if e := &o.Election; e.LeaderElect {
		if e.ResourceLock != "leases" {
			errs = append(errs, fmt.Errorf("--leader-elect-resource-lock: %q is not supported, only leases", e.ResourceLock))
		}
		if e.LeaseDuration.Duration <= e.RenewDeadline.Duration || e.RenewDeadline.Duration <= e.RetryPeriod.Duration {
			errs = append(errs, errors.New("leader election: the lease must be longer than the renew deadline, and that longer than the retry period"))
		}
	}
	return errors.Join(errs...)
}

// Config says how to reach the apiserver.
func (o *Options) Config() (*rest.Config, error) {
	c, err := clientcmd.BuildConfigFromFlags(o.Master, o.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	c.QPS, c.Burst = o.QPS, int(o.Burst)
	c.ContentType, c.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	c.WarningHandler = rest.NoWarnings{} // they are for users
	return rest.AddUserAgent(c, o.Name), nil
}

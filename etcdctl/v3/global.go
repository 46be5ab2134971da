package v3

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/petcd/petcd/etcdctl/printer"
)

// globalFlags are the flags every command takes. Each can be set by a variable
// as well: --dial-timeout by ETCDCTL_DIAL_TIMEOUT.
type globalFlags struct {
	endpoints        []string
	dialTimeout      time.Duration
	commandTimeout   time.Duration
	keepAliveTime    time.Duration
	keepAliveTimeout time.Duration
	maxRequestBytes  int
	maxRecvBytes     int

	insecureTransport  bool
	insecureSkipVerify bool
	cert, key, cacert  string

	discoverySRV      string
	discoverySRVName  string
	insecureDiscovery bool

	user, password, token string

	format string
	hex    bool
	debug  bool
}

func (g *globalFlags) register(fs *pflag.FlagSet) {
	fs.StringSliceVar(&g.endpoints, "endpoints", []string{"127.0.0.1:2379"}, "gRPC endpoints, separated by commas")
	fs.DurationVar(&g.dialTimeout, "dial-timeout", 2*time.Second, "how long opening a connection may take")
	fs.DurationVar(&g.commandTimeout, "command-timeout", 5*time.Second, "how long a short command may take, without the time to connect")
	fs.DurationVar(&g.keepAliveTime, "keepalive-time", 2*time.Second, "how long a connection may be silent before it is probed")
	fs.DurationVar(&g.keepAliveTimeout, "keepalive-timeout", 6*time.Second, "how long a probed connection may stay silent before it is closed")
	fs.IntVar(&g.maxRequestBytes, "max-request-bytes", 0, "largest request sent, in bytes (0: 2 MiB)")
	fs.IntVar(&g.maxRecvBytes, "max-recv-bytes", 0, "largest response accepted, in bytes (0: 2 GiB)")

	fs.BoolVar(&g.insecureTransport, "insecure-transport", true, "connect without TLS unless an endpoint or a certificate asks for it")
	fs.BoolVar(&g.insecureSkipVerify, "insecure-skip-tls-verify", false, "do not verify the server's certificate; for tests only")
	fs.StringVar(&g.cert, "cert", "", "file with the client's TLS certificate")
	fs.StringVar(&g.key, "key", "", "file with the key of the client's TLS certificate")
	fs.StringVar(&g.cacert, "cacert", "", "file with the CA certificates that servers are verified with")

	fs.StringVarP(&g.discoverySRV, "discovery-srv", "d", "", "domain whose SRV records name the endpoints")
	fs.StringVar(&g.discoverySRVName, "discovery-srv-name", "", "service name to look up in the SRV records")
	fs.BoolVar(&g.insecureDiscovery, "insecure-discovery", true, "accept SRV records of endpoints without TLS")

	fs.StringVar(&g.user, "user", "", "user name, or name:password; without a password it is asked for")
	fs.StringVar(&g.password, "password", "", "password of --user, which then is the name alone")
	fs.StringVar(&g.token, "auth-jwt-token", "", "JSON web token to authenticate with, instead of a user")

	fs.StringVarP(&g.format, "write-out", "w", "simple", "output format: "+strings.Join(printer.Formats(), ", "))
	fs.BoolVar(&g.hex, "hex", false, "print byte strings as hexadecimal escapes, ids in hexadecimal")
	fs.BoolVar(&g.debug, "debug", false, "log what the client does, and the flags in effect")
}

// ownVariables are the ETCDCTL_ variables that are not flags.
var ownVariables = map[string]bool{
	"ETCDCTL_API":             true,
	"ETCDCTL_WATCH_KEY":       true,
	"ETCDCTL_WATCH_RANGE_END": true,
}

// variableOf is the variable that sets the flag.
func variableOf(flag string) string {
	return "ETCDCTL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// says tells whether a flag was given this value.
func says(f *pflag.Flag, value string) bool {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return value == strings.Join(list.GetSlice(), ",")
	}
	return value == f.Value.String()
}

// setFromEnv completes the flags from the environment. A flag and its variable
// together are an error, as with etcd's, unless both say the same: so a
// command that repeats what its environment has already, as in a pod of a
// cluster, works. A variable that sets no flag, or sets one to what it
// cannot be, is only warned about: it may be meant for another etcdctl.
func (c *ctl) setFromEnv(fs *pflag.FlagSet) error {
	known := make(map[string]bool)
	var err error
	fs.VisitAll(func(f *pflag.Flag) {
		name := variableOf(f.Name)
		known[name] = true
		value, ok := c.LookupEnv(name)
		switch {
		case !ok || err != nil:
		case f.Changed && says(f, value):
		case f.Changed:
			err = fmt.Errorf("conflicting environment variable %s is shadowed by corresponding command-line flag (either unset environment variable or disable flag)", name)
		case value != "":
			if serr := fs.Set(f.Name, value); serr != nil {
				fmt.Fprintf(c.Stderr, "Warning: %s is ignored: %v\n", name, serr)
			}
		}
	})
	if err != nil {
		return err
	}
	var unknown []string
	for _, v := range c.Environ {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "ETCDCTL_") && !known[name] && !ownVariables[name] {
			unknown = append(unknown, name)
		}
	}
	sort.Strings(unknown)
	for _, name := range unknown {
		// The value is not shown: it may be a password.
		fmt.Fprintf(c.Stderr, "Warning: unrecognized environment variable %s\n", name)
	}
	return nil
}

package v2

import (
	"strings"
	"time"

	"github.com/urfave/cli"
)

// defaultEndpoints are asked when nothing says which; the second is the port
// that etcd had at first.
const defaultEndpoints = "http://127.0.0.1:2379,http://127.0.0.1:4001"

// globalFlags is what the flags before the command, and the variables for them,
// say. A flag wins over its variable.
type globalFlags struct {
	debug, noSync         bool
	output                string
	endpoints             []string
	srvDomain, srvName    string
	insecureDiscovery     bool
	certFile, keyFile     string
	caFile                string
	username              string
	timeout, totalTimeout time.Duration
}

// flagDefinitions are the flags as the parser and the help know them.
func flagDefinitions() []cli.Flag {
	return []cli.Flag{
		cli.BoolFlag{Name: "debug", Usage: "show each request as a curl command"},
		cli.BoolFlag{Name: "no-sync", Usage: "do not ask for the cluster's members before the request"},
		cli.StringFlag{Name: "output, o", Value: formatSimple, Usage: "the `format` of replies: simple, extended or json"},
		cli.StringFlag{Name: "discovery-srv, D", Usage: "domain whose SRV records name the endpoints"},
		cli.BoolFlag{Name: "insecure-discovery", Usage: "take SRV records for endpoints without TLS, too"},
		cli.StringFlag{Name: "peers, C", Usage: "deprecated: --endpoints"},
		cli.StringFlag{Name: "endpoint", Usage: "deprecated: --endpoints"},
		cli.StringFlag{Name: "endpoints", Usage: `the members' client URLs, separated by commas (default: "` + defaultEndpoints + `")`},
		cli.StringFlag{Name: "cert-file", Usage: "the client's certificate"},
		cli.StringFlag{Name: "key-file", Usage: "the client's key"},
		cli.StringFlag{Name: "ca-file", Usage: "the CA certificates that verify the members'"},
		cli.StringFlag{Name: "username, u", Usage: "`username[:password]`; without the password it is asked for"},
		cli.DurationFlag{Name: "timeout", Value: 2 * time.Second, Usage: "the time that one request to one member may take"},
		cli.DurationFlag{Name: "total-timeout", Value: 5 * time.Second, Usage: "the time that the command may take (except watch)"},
	}
}

// readFlags reads the flags and their variables.
func (c *ctl) readFlags(call *cli.Context) globalFlags {
	orEnv := func(flag, variable string) string {
		if value := call.String(flag); value != "" {
			return value
		}
		return c.Getenv(variable)
	}
	return globalFlags{
		debug:             call.Bool("debug"),
		noSync:            call.Bool("no-sync"),
		output:            call.String("output"),
		endpoints:         c.endpointFlags(orEnv),
		srvDomain:         orEnv("discovery-srv", "ETCDCTL_DISCOVERY_SRV"),
		srvName:           c.Getenv("ETCDCTL_DISCOVERY_SRV_NAME"),
		insecureDiscovery: call.Bool("insecure-discovery") || c.Getenv("ETCDCTL_INSECURE_DISCOVERY") != "",
		certFile:          orEnv("cert-file", "ETCDCTL_CERT_FILE"),
		keyFile:           orEnv("key-file", "ETCDCTL_KEY_FILE"),
		caFile:            orEnv("ca-file", "ETCDCTL_CA_FILE"),
		username:          orEnv("username", "ETCDCTL_USERNAME"),
		timeout:           call.Duration("timeout"),
		totalTimeout:      call.Duration("total-timeout"),
	}
}

// endpointFlags is the first of the three flags for endpoints that says
// something; the variable of a newer name wins over the flag of an older one.
func (c *ctl) endpointFlags(orEnv func(flag, variable string) string) []string {
	for _, name := range []struct{ flag, variable string }{
		{"endpoints", "ETCDCTL_ENDPOINTS"},
		{"endpoint", "ETCDCTL_ENDPOINT"},
		{"peers", "ETCDCTL_PEERS"},
	} {
		if value := orEnv(name.flag, name.variable); value != "" {
			return strings.Split(value, ",")
		}
	}
	return strings.Split(defaultEndpoints, ",")
}

package v2

import (
	"fmt"
	"net/url"
	"strings"

	client "go.etcd.io/etcd/client/v2"
)

// endpoints are those that DNS names for --discovery-srv, or else those of the
// flags.
func (c *ctl) endpoints() ([]string, error) {
	found, err := c.discover()
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		found = c.flags.endpoints
	}
	endpoints := make([]string, len(found))
	for i, endpoint := range found {
		bare := !strings.Contains(endpoint, "://")
		if bare {
			endpoint = "http://" + endpoint
		}
		u, err := url.Parse(endpoint)
		if err != nil {
			return nil, err
		}
		if bare && u.Port() == "" { // only a URL says that HTTP's own port is meant
			return nil, fmt.Errorf("endpoint %q has no port: give host:port or a URL", found[i])
		}
		endpoints[i] = u.String()
	}
	return endpoints, nil
}

// discover asks DNS for the domain's SRV records. Endpoints without TLS count
// with --insecure-discovery only: who answers for DNS could send the requests,
// and the password in them, anywhere.
func (c *ctl) discover() ([]string, error) {
	if c.flags.srvDomain == "" {
		return nil, nil
	}
	found, err := client.NewSRVDiscover().Discover(c.flags.srvDomain, c.flags.srvName)
	if err != nil || c.flags.insecureDiscovery {
		return found, err
	}
	var secure []string
	for _, endpoint := range found {
		if strings.HasPrefix(endpoint, "http://") {
			fmt.Fprintf(c.Stderr, "ignoring discovered insecure endpoint %q\n", endpoint)
			continue
		}
		secure = append(secure, endpoint)
	}
	return secure, nil
}

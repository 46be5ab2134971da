// Package health tells load balancers and probes how the proxy is: GET /healthz and /livez (by default on port 10256), and on the health check node
// port of each Service whose external traffic stays on its node, whether this node has an endpoint of it.
//
// Read State, which a proxy.Proxy reports to.
//
// The proxy is healthy if its last sync succeeded and no change has waited for long. /healthz also says that a node which is about to go
// shouldn't get new connections; /livez doesn't, since a restart wouldn't help.
package health

// Package endpointslice writes the EndpointSlices of each Service that has a selector: what kube-proxy and DNS read.
//
// The slices of a Service hold at most 100 endpoints each, of one address family and with the same ports; pods in which a named port
// has another number are in slices of their own. An endpoint says whether it is ready, serving and terminating. A Service without any
// endpoint has one empty slice, so that readers can tell "none" from "not yet".
//
// Every watcher gets every slice that changes, whole, on every node. So reconcile, which is to be read first, changes as few as it can:
// an endpoint stays in its slice, new ones fill slices that change anyway, and slices are not packed again when they get sparse.
//
// It refuses to mirror Endpoints that users write, and to give topology hints. The slices of a Service that is gone are left to the
// garbage collector.
package endpointslice

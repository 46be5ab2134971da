// Package proxy carries the traffic of Services on a node: it watches Services and EndpointSlices and keeps the kernel's rules as they say.
//
// Read Proxy and its Run, then sync. The parts, from below: model (what must hold), nftables and iptables (rules that make it hold),
// conntrack (ends UDP flows that lead nowhere), health (what load balancers and probes are told). Package app, above, is the process.
//
// Invariants
//   - Nothing is written until all Services and EndpointSlices have been seen once: until then the rules of an earlier run stay.
//   - The rules live on when the process ends, whatever ends it; the next run takes them over.
//   - One goroutine writes rules. A sync that fails is tried again, later each time.
//
// It serves no Service that another proxy is named for (by label service.kubernetes.io/service-proxy-name). Not built: the ipvs mode, which
// the option is refused for, and Windows.
package proxy

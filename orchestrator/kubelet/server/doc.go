// Package server is the kubelet's HTTPS server: the pods of the node, their logs, and ways into them, for the apiserver, and figures for who
// watches the node.
//
// Read Server's routes first, then access.go, which every request passes; streams.go for exec, attach and port-forward, which the runtime
// serves and this server passes on; logs.go and logfiles.go for what containers wrote; stats.go for /stats/summary.
//
// It refuses /checkpoint, /configz, /debug, /runningpods and the queries of journals under /logs: none of them is served.
//
// Invariants: no request is answered before it is known whose it is and that he may (Delegate makes that the apiserver's decision). A way
// into a container takes the verb create, whatever the method: who may only read gets in by no WebSocket's GET. A client of protocol
// v5.channel.k8s.io is translated to SPDY, so that any runtime's streaming server does.
package server

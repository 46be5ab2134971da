// Package clustertest runs clusters for tests and measurements: the store, the control plane's programs as processes of their own,
// and simulated nodes.
//
// Read Start, then Cluster. The programs are those of a folder (Options.Bin; `make control-plane` fills bin/), so what is tested is what
// is shipped. Kubelets are simulated: they register nodes, keep their leases, and move pods through their phases as kubelets do, without
// containers. Thousands of nodes fit into one process. Cluster.ServeKubelets answers for them all what kubelets answer: logs, and the
// streams of commands and ports, with a certificate and only to who has one.
package clustertest

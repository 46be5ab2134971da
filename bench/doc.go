// Command bench measures petcd beside the real etcd: both in one run, in turns, under the same load.
//
// It starts the clusters itself (or takes endpoints), applies closed and open loads over gRPC and HTTP,
// and reports throughput, latency by percentile and over time, the servers' CPU time per operation,
// memory, and bytes written and kept on disk: as a table, as JSON and as a page. It reaches the store
// over the wire only.
//
// Read rows.go first: the table of what is measured and what is asked of petcd. scale.go says how much
// each row does, turns.go the one sequence every measurement follows. What a target does in its turn is
// in package turn, what an operation is in workload, when it starts in driver, what is recorded in
// measure, who answers in target, and how it is shown in report.
package main

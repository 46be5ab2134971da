// Package conformance holds one suite of the v3 API that petcd and the real
// etcd must both pass, a differential test that sends both the same random
// operations, and sessions of the real etcdctl.
//
// The suite is black box: it starts server binaries (package process) and
// talks to them by gRPC and HTTP only, so whatever holds here holds for any
// client. The real etcd defines the truth: a case is right when it passes on
// 3.7.3; what 3.4.23 lacks or did otherwise is listed in features_test.go, and
// a case says so through needs.
//
// It refuses to know how a server works inside: no import of petcd's server
// packages but process and the generated wire of Lock and Election.
//
// Targets are petcd (built from the tree, or $PETCD_BIN) and, where they were
// fetched with `make peers`, 3.7.3 and 3.4.23. PETCD_CONFORMANCE=petcd,3.7.3
// chooses; a target named there must be found.
//
// The differential test runs a few thousand operations; PETCD_DIFF_OPS=100000
// runs more, and PETCD_DIFF_SEED repeats the run that printed it. That of API 2 (v2diff_*_test.go) compares with 3.4.23 and takes
// PETCD_V2_DIFF_OPS; read v2diff_run_test.go for it.
//
// Read suite_test.go first, and diff_run_test.go for the differential test. Cases of one family share a server and run beside
// each other, each under a key prefix of its own; families that compact, fill
// or reconfigure a cluster have servers of their own.
//
// Invariants of the cases:
//
//	I1. A case on a shared server touches only keys below its prefix and
//	    leases that it granted, and assumes nothing of the revision but that
//	    it grows.
//	I2. A case waits for a condition under the deadline of its context.
package conformance

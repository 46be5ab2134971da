// Package thirdparty runs clients that others wrote, unmodified, against petcd. It has tests only.
//
// The clients come from Debian's packages and from npm (fetch installs them). What is asked of a library is in testdata, as a test script
// in the library's own language; a script runs against the real etcd 3.4.23 as well, so that it expects nothing that etcd does not do.
// Patroni is run as it is in production: it keeps a PostgreSQL primary through the loss of petcd's leader and of the primary itself.
//
// It refuses to run by itself: the clients are big and the runs take minutes. PETCD_THIRDPARTY=1 (`make clients`) runs them.
//
// Read first: environment in environment_test.go, then patroni_test.go.
//
// Invariants:
//
//	I1. A signal goes only to a process that the test started, or to the PostgreSQL in the test's own data folder.
//	I2. Nothing listens but on loopback, and nothing is left when a test has ended.
//
// Concurrency: every test has a cluster to itself; all may run side by side.
package thirdparty

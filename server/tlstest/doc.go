// Package tlstest makes certificate authorities, certificates and revocation
// lists for tests, as PEM and DER files that any server and client can read.
//
// It refuses to be used outside tests: its functions end the test on an error.
//
// Read first: [CA]. A typical server takes
//
//	ca := tlstest.NewCA(t, t.TempDir(), "ca")
//	pair := ca.Server("server")
//	flags := tlstest.ClientPortFlags(ca, pair, true)
//
// and its client ca.Config(ca.Client("client", "alice")).
//
// Invariants:
//
//	I1. A file is replaced by a rename, so that a reader never sees half of it.
//	I2. Serial numbers of one CA are 1, 2, 3, … in the order of issue; the CA
//	    itself has a random one.
//
// Concurrency: a CA is used by one goroutine at a time.
package tlstest

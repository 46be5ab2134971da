// Package critest holds a conformance suite for container runtimes that speak CRI v1, and measures them. It is all tests: there is
// nothing to import.
//
//	go test ./critest                                   the suite, on every runtime that is here
//	go test ./critest -run 'TestContainerd'             on containerd: Debian's containerd, runc and containernetworking-plugins
//	go test ./critest -run 'TestEmbedded/Logs'          one group on the embedded runtime
//	go test ./critest -run TestMeasure -critest.measure a table of both, side by side
//
// Read Runtime (runtime_test.go), then suite (suite_test.go), then pod (pod_test.go), then any case: a group of cases is a file. A case
// knows no runtime; where one genuinely can't do what CRI says, the case says so by suite.differs, with the reason.
//
// The embedded runtime is built from the sources beside this, unless PETCD_BIN_DIR names a folder where it is. With CRITEST_KEEP_LOG
// set, a run that fails shows the end of the runtime's log.
//
// The tests need root. They run in namespaces of their own (isolate_test.go): a network without a way out, mounts that nobody else
// sees, and processes that end with the test's, however it ends. Of the machine they use cgroups below one of their own, which are
// removed.
//
// It refuses to test what a kubelet can't ask of a runtime, and how a runtime does what it does: only the socket, the containers, and
// what is left behind.
package critest

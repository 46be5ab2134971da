// Command etcdctl drives petcd, and any etcd, from the command line.
//
// The variable ETCDCTL_API chooses what it speaks: unset or 2 is package v2, the
// HTTP API of etcd 2; 3 is package v3, the gRPC API. Names that both have (get,
// watch, member, user, role, auth) belong to the API in force. A call that it
// cannot understand and the other one can is refused with the way to switch, and
// nothing is done. See api.go.
//
// Package host is what both get from the operating system, package printer the
// output formats of API 3.
//
// testdata holds scripted sessions of API 3, testdata/v2 those of API 2: commands
// with their input, output and exit code. Those that begin with skip at [peer] show what this etcdctl does on purpose in
// another way; the others pass unchanged with etcd's own etcdctl and server:
//
//	PETCD_SERVER    the server binary to run the sessions against
//	                (default: petcd's, built from ./server/cmd/etcd)
//	PETCD_ETCDCTL   the etcdctl binary to test (default: this one)
package main

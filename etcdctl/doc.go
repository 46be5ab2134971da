// Command etcdctl drives petcd, and any etcd, from the command line.
//
// The variable ETCDCTL_API chooses what it speaks: 3 is package v3, the gRPC
// API. API 2, which is meant when the variable is unset or 2, comes with a
// later release; until then etcdctl says so and how to switch, and does
// nothing. See api.go.
//
// testdata holds scripted sessions: commands with their input, output and exit
// code. They pass unchanged with etcd's own etcdctl and server:
//
//	PETCD_SERVER    the server binary to run the sessions against
//	                (default: petcd's, built from ./server/cmd/etcd)
//	PETCD_ETCDCTL   the etcdctl binary to test (default: this one)
package main

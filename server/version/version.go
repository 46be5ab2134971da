package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

const (
	// Etcd is the etcd release whose API and behavior this one has, and what
	// /version reports.
	Etcd = "3.7.3"
	// Petcd is this project's own release.
	Petcd = "0.1.0"
	// Server is what Status and --version report.
	Server = Etcd + "+petcd." + Petcd
	// Cluster is the cluster version a new cluster of such members settles
	// on: Etcd without its patch level.
	Cluster = "3.7.0"
	// MinCluster is the oldest cluster version this member can join.
	MinCluster = "3.0.0"
	// Storage is the storage version that /version and Status report.
	Storage = "3.7.0"
	// APIPrefix is the path under which etcd's JSON gateway of this release
	// answers.
	APIPrefix = "/v3"
)

// commit is the short hash that make's builds set with -ldflags -X.
var commit string

// Revision is the short hash of the commit the binary was built from, or
// "GitNotFound" when the build did not record it.
func Revision() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "GitNotFound"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 7 {
			return s.Value[:7]
		}
	}
	return "GitNotFound"
}

// Text is the answer to --version: etcd's four lines, in etcd's order.
func Text() string {
	return fmt.Sprintf("etcd Version: %s\nGit SHA: %s\nGo Version: %s\nGo OS/Arch: %s/%s\n",
		Server, Revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// Package version says which release this binary is and which etcd it stands
// in for.
//
// Clients, operators and peers parse etcd's version, so petcd reports the etcd
// release whose behavior it follows, with its own release as semver build
// metadata ("3.7.3+petcd.0.1.0"): tools that compare semantic versions ignore
// the metadata, people see it. The page /version has the numbers alone: Patroni
// takes each part between dots for a number.
//
// Read first: the constants in version.go. The package has no state.
package version

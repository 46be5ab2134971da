// Package config turns etcd's flags, ETCD_* environment variables and YAML
// configuration file into one validated Config.
//
// Names, defaults, conflicts and error texts are those of etcd 3.7, so that a
// command line, unit file or static pod written for etcd starts petcd
// unchanged. Flags that earlier releases had, back to 3.4, are taken as well,
// under their former names too. Every flag has a fate (settings.go): it is
// built; it is moot, because it tunes a part of etcd that petcd does not have;
// or it is refused, by name, at any value but its default: a member never runs
// with less than its operator asked for. docs/flags.md is written from it.
//
// Read first: [Config], then [Parse].
//
// Invariants:
//
//	I1. A Config returned by Parse has passed Validate.
//	I2. One table (settings.go) names every flag: flags, environment, YAML and
//	    --help are all derived from it and cannot drift apart.
//	I3. Nothing in this package panics on input, prints, exits or reads the
//	    process environment: arguments and environment come in as values.
//
// Concurrency: a Config is a plain value; whoever holds it owns it.
package config

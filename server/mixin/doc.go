// Package mixin tests that the alerts of etcd's mixin, unchanged, work on petcd's metrics. It has tests only.
//
// `make mixin` fetches Prometheus and the mixin's rules; without them the tests are skipped. The rules are evaluated in two ways:
//
//   - by promtool, in virtual time, with the rules' own durations, on series that are made of what real members show
//     (series_test.go). Every alert has a planted fault here.
//   - by a real Prometheus that scrapes real clusters, healthy and broken, with all durations divided by sixty
//     (live_test.go). It has the faults that can be made in a minute.
//
// In both a fault must fire its alerts, and a healthy cluster under load none.
package mixin

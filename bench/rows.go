package main

import (
	"fmt"

	"github.com/petcd/petcd/bench/report"
	"github.com/petcd/petcd/bench/turn"
	"github.com/petcd/petcd/bench/workload"
)

// row is one line of what is measured: its name, on how many members, what every target does in its turn, and what is asked of petcd.
// That is asked beside the base: at least or at most so many times the base's figure of the same pair of turns.
type row struct {
	name    string
	members int
	turn    turn.Turn
	goals   []report.Goal
}

// title is how the row is called where others stand beside it.
func (r row) title() string { return fmt.Sprintf("%s, members %d", r.name, r.members) }

// table is what releases are judged by.
func table(s scale) []row {
	return []row{
		{"put 100/1000", 1, s.put(100, 1000), asked{least(report.PerSecond, 2.5), most(report.CPU, .2)}},
		{"put 10/100", 1, s.put(10, 100), asked{least(report.PerSecond, 1.8), most(report.CPU, .3)}},
		{"put 1/1", 1, s.put(1, 1), asked{most(report.P50, .65), most(report.P99, .7)}},
		{"put 100/1000 to the leader", 3, s.put(100, 1000), asked{least(report.PerSecond, 2.5), most(report.CPU, .25)}},
		{"put 100/1000 to all endpoints", 3, all(s.put(100, 1000)), asked{least(report.PerSecond, 2.5), most(report.CPU, .25)}},
		{"put 10/100", 3, s.put(10, 100), asked{least(report.PerSecond, 2.2)}},
		{"put 1/1", 3, s.put(1, 1), asked{most(report.P50, .65)}},
		{"put, open loop at half of etcd's rate", 1, half(s.put(100, 1000)), asked{most(report.P99, .5), most(report.P999, .5)}},
		{"put, open loop at half of etcd's rate", 3, half(s.put(100, 1000)), asked{most(report.P99, .5), most(report.P999, .5)}},

		{"range linearizable 100/1000", 1, s.read(100, 1000, false), asked{least(report.PerSecond, 1.8), most(report.CPU, .3)}},
		{"range serializable 100/1000", 1, s.read(100, 1000, true), asked{least(report.PerSecond, 1.8), most(report.CPU, .3)}},
		{"range linearizable 1/1", 1, s.read(1, 1, false), asked{most(report.P50, .5)}},
		{"txn of one put 100/1000", 1, s.txn(100, 1000, workload.OnePut), asked{least(report.PerSecond, 2.2)}},
		{"txn of eight puts 10/100", 1, s.txn(10, 100, workload.EightPuts), asked{least(report.PerSecond, 1.8)}},
		{"txn mixed, half of them count all keys", 1, s.txn(100, 1000, workload.Mixed), asked{least(report.PerSecond, 10)}},

		{"watch, many watchers of one key", 1, s.fanOut(), asked{least(report.Events, 1.2), most(report.CPU, .5)}},
		{"watch latency 10x10", 1, s.watchLatency(), asked{most(report.P50, 1), most(report.P99, .7)}},
		{"watch, a watcher for each of many keys", 1, s.watchMany(),
			asked{least(report.Events, 1.5), most(report.CPU, .5), most(report.RSS, .5)}},
		{"lease keep-alive 100/1000", 1, s.keepAlive(), asked{least(report.PerSecond, 1.5), most(report.CPU, .3)}},
		{"leases that end together", 1, few(3, s.expiry()), asked{most(report.Gone, .2), most(report.P99, .5)}},

		{"large store", 1, few(3, s.store()), asked{
			most(report.Load, .5), most(report.DiskLoaded, .4), most(report.RSSLoaded, .8), most(report.RSSFresh, .2),
			most(report.Ready, .15), most(report.Count, .01), most(report.CountOld, .05), most(report.Page, .1),
			most(report.Save, .25), most(report.SaveCPU, .2), most(report.Restore, .5), own(most(report.Pause, .1)),
		}},
		{"compaction under load", 1, few(3, s.compaction()), asked{own(least(report.Kept, .95)), own(most(report.P99Growth, 1.2))}},
		{"aged store", 1, few(1, s.aged()), asked{
			own(most(report.P99Growth, 1.2)), own(most(report.CPUGrowth, 1.2)), own(most(report.RSS, 1<<30)),
		}},
		{"install a member that is behind", 3, few(3, s.install()), asked{most(report.Install, .5), own(most(report.P99Growth, 1.5))}},
		{"Kubernetes traffic", 1, few(1, s.kube()), nil},
	}
}

// tableV2 is what is measured of API 2, beside etcd 3.4.
func tableV2(s scale) []row {
	return []row{
		{"v2-set 1/1", 1, s.v2Set(1, 1), nil},
		{"v2-set 10/100", 1, s.v2Set(10, 100), nil},
		{"v2-set 100/1000", 1, s.v2Set(100, 1000), nil},
		{"v2-set 1/1", 3, s.v2Set(1, 1), nil},
		{"v2-set 10/100", 3, s.v2Set(10, 100), nil},
		{"v2-set 100/1000", 3, s.v2Set(100, 1000), nil},
		{"v2-get 1/1", 1, s.v2Get(1, 1, false), nil},
		{"v2-get 10/100", 1, s.v2Get(10, 100, false), nil},
		{"v2-get 100/1000", 1, s.v2Get(100, 1000, false), nil},
		{"v2-get 100/1000 to all endpoints", 3, all(s.v2Get(100, 1000, false)), nil},
		{"v2-get quorum 100/1000", 1, s.v2Get(100, 1000, true), nil},
		{"v2-get quorum 100/1000 to all endpoints", 3, all(s.v2Get(100, 1000, true)), nil},
		{"v2-watch, many watchers of one key", 1, s.v2Watch(s.watchers, 1), nil},
		{"v2-watch, a watcher for each of many keys", 1, s.v2Watch(s.watchedKeys, s.watchedKeys), nil},
	}
}

// asked is what rows ask.
type asked = []report.Goal

// least asks for at least so many times the base's figure.
func least(f report.Figure, times float64) report.Goal { return report.Goal{Figure: f, Least: times} }

// most asks for at most so many times the base's figure.
func most(f report.Figure, times float64) report.Goal { return report.Goal{Figure: f, Most: times} }

// own asks it of petcd's figure alone, whatever the base's is.
func own(g report.Goal) report.Goal {
	g.Own = true
	return g
}

// fewer is a turn of so many minutes that few of them are taken, however many are asked for.
type fewer struct {
	turn.Turn
	pairs int
}

// few bounds the turns of each target.
func few(pairs int, t turn.Turn) fewer { return fewer{Turn: t, pairs: pairs} }

// turns is how often each target has its turn when so many are asked for.
func (r row) turns(asked int) int {
	if f, ok := r.turn.(fewer); ok {
		return min(f.pairs, asked)
	}
	return asked
}

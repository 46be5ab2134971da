package simulation

import (
	"context"
	"testing/synctest"
	"time"
)

// begin makes a fault happen, and plans its end.
func (w *world) begin(f Fault) {
	m := w.leader()
	if f.Member != Leader {
		m = w.members[f.Member]
	}
	if m == nil {
		return
	}
	w.stats.Faults[f.Kind]++
	w.trace.add("fault", w.now(), f.Kind, m.index)
	switch f.Kind {
	case CutOff, OneWay, Halves:
		w.net.separate(f, m)
	case SlowNetwork:
		w.net.slowest = time.Duration(1+f.Amount) * time.Millisecond
		w.after(f.For, func() { w.net.slowest = 2 * time.Millisecond })
	case LossyNetwork:
		w.net.loss, w.net.twice = float64(f.Amount)/1000*0.3, float64(f.Amount)/1000*0.5
		w.after(f.For, func() { w.net.loss, w.net.twice = w.plan.Shape.Loss, w.plan.Shape.Twice })
	case Pause:
		m.pausedUntil = w.now() + f.For
	case Skew:
		m.rate = 0.5 + float64(f.Amount)/1000*1.5
		w.after(f.For, func() { m.rate = 1 })
	case Jump:
		for range 1 + f.Amount%20 {
			if m.lives(m.life) {
				m.did(m.driven.Tick())
			}
		}
	case Crash, CrashInside, PowerCut, Restart:
		w.kill(f, m)
	case StalledDisk:
		m.stalledUntil = w.now() + f.For*time.Duration(1+f.Amount%5)
	case FailedSync:
		m.disk.fail(1, false)
	case FullDisk:
		d := m.disk
		d.fail(0, true)
		w.after(f.For, func() { d.fail(0, false) })
	case Transfer:
		w.transfer(f)
	case Replace:
		w.operator.replace(f, m)
	case Defragment:
		w.flush(m, true)
	case Rot:
		w.rot(f, m)
	}
}

// separate cuts links until the fault ends.
func (n *network) separate(f Fault, m *member) {
	var cut []link
	for _, a := range n.w.members {
		for _, b := range n.w.members {
			switch {
			case a == b:
			case f.Kind == CutOff && (a == m || b == m),
				f.Kind == OneWay && f.Amount%2 == 0 && a == m,
				f.Kind == OneWay && f.Amount%2 == 1 && b == m,
				f.Kind == Halves && (f.Amount>>a.index&1) != (f.Amount>>b.index&1):
				cut = append(cut, link{a.index, b.index})
			}
		}
	}
	for _, l := range cut {
		n.cut[l] = true
	}
	n.w.after(f.For, func() {
		for _, l := range cut {
			delete(n.cut, l)
		}
	})
}

// kill ends processes, and begins them again later.
func (w *world) kill(f Fault, m *member) {
	switch f.Kind {
	case CrashInside:
		m.disk.crashIn(1+f.Amount%30, m.powerLost)
		return
	case PowerCut:
		for _, m := range w.members {
			if m.replica != nil {
				m.crash()
				w.after(w.between(0, f.For+time.Second), m.start)
			}
		}
		return
	}
	if m.replica == nil {
		return
	}
	if f.Kind == Crash {
		m.crash()
	} else {
		m.stop()
	}
	w.after(f.For, m.start)
}

// transfer asks the leader to hand leadership on.
func (w *world) transfer(f Fault) {
	from, to := w.leader(), w.members[f.Amount%len(w.members)]
	if from == nil || to.port == nil || to == from {
		return
	}
	id := to.port.cfg.ID
	w.clients.do(func(ctx context.Context) { _ = from.replica.MoveLeader(ctx, id) })
}

// flush makes the state durable, or rewrites it.
func (w *world) flush(m *member, rewrite bool) {
	if m.replica == nil {
		return
	}
	err := m.replica.Store().Flush()
	if err == nil && rewrite {
		err = m.replica.Store().Defragment(context.Background())
	}
	if err != nil {
		w.checks.fail("%s: flush: %w", m.name, err)
	}
}

// fail makes the disk fail.
func (d *disk) fail(syncs int, full bool) {
	d.faults.mu.Lock()
	defer d.faults.mu.Unlock()
	d.faults.failSyncs, d.faults.full = syncs, full
}

// crashIn takes the power in the middle of what is done after so many operations.
func (d *disk) crashIn(operations int, crashed func()) {
	d.faults.mu.Lock()
	defer d.faults.mu.Unlock()
	if d.faults.image == nil {
		d.faults.crashIn, d.faults.crashed = operations, crashed
	}
}

// heal ends all faults and starts all that is down.
func (w *world) heal() {
	w.net.heal()
	for _, m := range w.members {
		m.disk.fail(0, false)
		m.disk.crashIn(0, nil)
		m.pausedUntil, m.stalledUntil, m.rate = 0, 0, 1
		m.planned = [parts]bool{} // what waits for the end of a stall need not
		m.start()
		synctest.Wait() // one that begins in a goroutine of its own asks the others
	}
}

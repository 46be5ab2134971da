package raft

import (
	"context"
	"errors"
)

// Driven does what Run's three goroutines do, one part at a time and in the caller's goroutine. So who drives it decides what
// happens next: a simulation, in which a whole cluster follows from one seed. Get one by Node.Drive.
//
// Each part does what its goroutine does between two waits. After an error of any part only Stop may be called, as after an
// error Run ends.
type Driven struct {
	n      *Node
	log    *logWriter
	cancel context.CancelFunc
}

// Waiting tells which parts have something to do. The others may be called too.
type Waiting struct{ Pass, Log, Apply bool }

// Drive begins to run the node. Call it in place of Run, and Stop in the end. It belongs to one goroutine; the node's own
// methods may be called from any.
func (n *Node) Drive() (*Driven, error) {
	ctx, cancel := context.WithCancel(context.Background())
	n.driven = true
	signal(n.wake)
	return &Driven{n: n, log: &logWriter{n: n, ctx: ctx}, cancel: cancel}, n.exclusively(n.begin)
}

// Waiting tells what there is to do.
func (d *Driven) Waiting() Waiting {
	return Waiting{Pass: len(d.n.wake) > 0, Log: len(d.n.appends.news) > 0, Apply: len(d.n.applies.news) > 0}
}

// Tick lets a tick interval pass, and makes a pass.
func (d *Driven) Tick() error {
	if err := d.n.exclusively(d.n.tick); err != nil {
		return err
	}
	return d.Pass()
}

// Pass is the raft goroutine's part.
func (d *Driven) Pass() error {
	drain(d.n.wake)
	return d.n.exclusively(d.n.pass)
}

// WriteLog is the log goroutine's part. A snapshot among what is to be written is installed here, after all that waits to be
// applied.
func (d *Driven) WriteLog() error {
	drain(d.n.appends.news)
	return d.log.turn()
}

// Apply is the apply goroutine's part.
func (d *Driven) Apply() error {
	drain(d.n.applies.news)
	err := d.n.applyTurn(d.log.ctx)
	if errors.Is(err, errUnwind) { // what made it unwind says more
		err = errors.Join(d.n.exclusively(func() {}), err)
	}
	return err
}

// Stop ends the node as the end of Run does.
func (d *Driven) Stop() {
	d.cancel()
	close(d.n.stopped)
	d.n.changes.notify()
	d.n.metrics.unregister(d.n.cfg.Registerer)
}

// drain takes the signal that the part which begins is for.
func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

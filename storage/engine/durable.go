package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/petcd/petcd/storage/schema"
)

// appliedKey is the physical key of the record that every batch of the apply
// loop writes.
var appliedKey = schema.AppendRecordKey(nil, schema.TableState, []byte(schema.StateApplied))

// Applied reads the applied record of the newest committed batch; false when
// there is none yet.
func (d *DB) Applied() (schema.Applied, bool, error) {
	a, err := readApplied(d.pdb, nil)
	if errors.Is(err, ErrNotFound) {
		return schema.Applied{}, false, nil
	}
	return a, err == nil, err
}

// DurableApplied is the applied index that a crash now would leave. It moves
// when a memtable has been flushed.
func (d *DB) DurableApplied() uint64 { return d.durable.Load() }

// Flush makes everything committed so far durable. It gives up when the disk
// fails or hangs.
func (d *DB) Flush() error {
	if err := d.flush(); err != nil {
		return err
	}
	return d.readDurable()
}

// noteFlush is Pebble's FlushEnd. It runs with Pebble's lock held, so it only
// wakes flushLoop, which may read.
func (d *DB) noteFlush(i pebble.FlushInfo) {
	d.backoff.done(i.Err)
	select {
	case d.flushed <- struct{}{}:
	default:
	}
}

// flushLoop keeps durable current, and flushes now and then so that the log
// does not keep a long tail to replay.
func (d *DB) flushLoop(ctx context.Context) {
	defer d.loop.Done()
	var tick, probe <-chan time.Time
	pace := newPace(d.flushInterval)
	if d.flushInterval > 0 {
		t := time.NewTicker(max(d.flushInterval/5, time.Millisecond))
		defer t.Stop()
		p := time.NewTicker(max(d.flushInterval, time.Millisecond))
		defer p.Stop()
		tick, probe = t.C, p.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.flushed:
			if err := d.readDurable(); err != nil {
				d.log.Error("reading the durable applied index failed", "error", err)
			}
		case now := <-tick:
			if !pace.due(now, d.written.Load(), d.durable.Load()) {
				continue
			}
			if _, err := d.pdb.AsyncFlush(); err != nil {
				d.log.Error("flushing the storage engine failed", "error", err)
				continue
			}
			pace.begun(now)
		case <-probe:
			if d.written.Load() != d.durable.Load() && d.probing.CompareAndSwap(false, true) {
				d.loop.Go(d.probe)
			}
		}
	}
}

// readDurable sets durable from what has reached tables. Concurrent calls may
// finish in any order, so it only ever raises it.
func (d *DB) readDurable() error {
	a, err := readApplied(d.pdb, &pebble.IterOptions{OnlyReadGuaranteedDurable: true})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for {
		old := d.durable.Load()
		if a.Index <= old || d.durable.CompareAndSwap(old, a.Index) {
			return nil
		}
	}
}

// readApplied reads the applied record as an iterator with these options sees
// it.
func readApplied(pdb *pebble.DB, o *pebble.IterOptions) (schema.Applied, error) {
	it, err := pdb.NewIter(o)
	if err != nil {
		return schema.Applied{}, wrap("read applied record", err)
	}
	a, err := seekApplied(it)
	return a, cmp.Or(err, wrap("read applied record", it.Close())) // Close returns again what the iterator met
}

// seekApplied reads the applied record with an open iterator.
func seekApplied(it *pebble.Iterator) (schema.Applied, error) {
	if !it.SeekPrefixGE(appliedKey) {
		if err := it.Error(); err != nil {
			return schema.Applied{}, wrap("read applied record", err)
		}
		return schema.Applied{}, ErrNotFound
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return schema.Applied{}, wrap("read applied record", err)
	}
	a, err := schema.DecodeApplied(v)
	if err != nil {
		return schema.Applied{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return a, nil
}

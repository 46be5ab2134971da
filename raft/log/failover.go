package log

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	probeName    = "PROBE"
	probesWanted = 3 // in a row, before a disk is well again
)

// patience is how long a disk may take.
type patience struct {
	write      time.Duration // a write, before the other disk is tried
	probe      time.Duration // a probe of a disk that was left, to count as well
	probeEvery time.Duration
}

var normalPatience = patience{write: 100 * time.Millisecond, probe: 25 * time.Millisecond, probeEvery: time.Second}

// errSlow says that a disk has not answered in time. What was asked of it may still happen.
var errSlow = errors.New("log: the disk is slow")

// failover lets the log go on in another folder while the first one's disk hangs. The records since the last sync are written
// again there, in a segment that takes the place of what the hanging one may still get (see the format). What a disk is asked
// for is done by a goroutine of its own, which can be left waiting. The watermark is on the first disk only, and stays old while that
// hangs (a write into the page cache does, too, where it has to wait for the file system's journal); but entries are replaced only
// once it is lowered, however long that takes.
type failover struct {
	patience
	logger  *slog.Logger
	disks   [2]*disk
	at      int // where the newest segment is
	pending []pendingRecord
	base    *record // head of a segment that would begin with the first pending record
	stop    chan struct{}
	wg      sync.WaitGroup
}

// pendingRecord is a record that is not known to be durable.
type pendingRecord struct {
	bytes []byte // room for a frame, then the payload
	first uint64 // index of its first entry; 0: it has none
}

// disk is one of the two places.
type disk struct {
	place
	jobs chan func()
	left atomic.Bool // it hung, and is not well again
}

func newFailover(places []place, o Options) *failover {
	f := &failover{patience: o.patience, logger: o.Logger, stop: make(chan struct{})}
	for i, p := range places {
		d := &disk{place: p, jobs: make(chan func())}
		f.disks[i] = d
		f.wg.Go(func() {
			for job := range d.jobs {
				job()
			}
		})
	}
	return f
}

// result is what became of a job.
type result struct {
	seg *segment
	at  []position
	err error
}

// do lets a disk do a job. If it takes too long and the other disk can be tried, the disk is left (errSlow).
func (f *failover) do(i int, job func() result) result {
	d, done := f.disks[i], make(chan result, 1)
	d.jobs <- func() { done <- job() }
	timer := time.NewTimer(f.write)
	defer timer.Stop()
	for {
		select {
		case r := <-done:
			return r
		case <-timer.C:
		}
		if !f.disks[1-i].left.Load() {
			break
		}
		timer.Reset(f.write) // the other one may be well again by then
	}
	d.left.Store(true)
	f.wg.Go(func() {
		if err := f.nurse(d, done); err != nil {
			f.logger.Error("a disk of the log failed; it is not used again", "folder", d.dir, "error", err)
		}
	})
	return result{err: errSlow}
}

// nurse waits until a disk has done what it hung at, and then answers quickly. An error is final.
func (f *failover) nurse(d *disk, done chan result) error {
	select {
	case r := <-done:
		if r.seg != nil { // another one has taken its place
			_ = r.seg.close()
			_ = d.fs.Remove(d.path(segmentName(r.seg.seq)))
		}
		if r.err != nil {
			return r.err
		}
	case <-f.stop:
		return nil
	}
	for well := 0; well < probesWanted; {
		select {
		case <-time.After(f.probeEvery):
		case <-f.stop:
			return nil
		}
		began := time.Now()
		if err := d.touch(); err != nil {
			return err
		}
		if well++; time.Since(began) > f.probe {
			well = 0
		}
	}
	d.left.Store(false)
	return nil
}

// touch writes and syncs a file.
func (p place) touch() error {
	f, err := p.fs.Create(p.path(probeName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 512))
	return errors.Join(err, f.SyncData(), f.Close())
}

// close ends the goroutines, but for one that hangs with its disk: it ends when the disk does answer.
func (f *failover) close() {
	if f == nil {
		return
	}
	close(f.stop)
	for _, d := range f.disks {
		close(d.jobs)
	}
	if !f.waits() {
		f.wg.Wait()
	}
}

// waits tells that a disk was left, and may still do what it was asked for.
func (f *failover) waits() bool {
	return f != nil && (f.disks[0].left.Load() || f.disks[1].left.Load())
}

// unlockLater gives a lock back once no disk owes an answer.
func (f *failover) unlockLater(lock io.Closer) {
	f.wg.Wait()
	if err := lock.Close(); err != nil {
		f.logger.Warn("could not unlock the log", "error", err)
	}
}

// hangs tells that a place's disk may not answer.
func (f *failover) hangs(p place) bool {
	if f == nil {
		return false
	}
	return slices.ContainsFunc(f.disks[:], func(d *disk) bool { return d.dir == p.dir && d.left.Load() })
}

// putWatched is put with another disk at hand.
func (s *store) putWatched(b []byte, r *record, sync bool) (position, error) {
	f := s.w.second
	if len(f.pending) == 0 {
		f.base = s.headRecord()
	}
	p := pendingRecord{bytes: slices.Clone(b)}
	if len(r.entries) > 0 {
		p.first = r.entries[0].GetIndex()
	}
	f.pending = append(f.pending, p)
	switch left := f.disks[0].left.Load(); {
	case f.at == 1 && !left:
		return s.move(0)
	case f.at == 0 && left: // it hung at the watermark
		return s.move(1)
	}
	seg, own := s.w.seg, slices.Clone(b) // who is left waiting keeps what he was given
	res := f.do(f.at, func() result {
		began := time.Now()
		at, err := seg.append(own)
		s.m.writeSeconds.Observe(time.Since(began).Seconds())
		if err == nil && sync {
			err = seg.file.SyncData()
		}
		return result{at: []position{at}, err: err}
	})
	switch {
	case errors.Is(res.err, errSlow):
		return s.move(1 - f.at)
	case res.err != nil:
		return position{}, res.err
	}
	if sync {
		f.pending = nil
	}
	return res.at[0], nil
}

// setMarkWatched sets the watermark, unless its disk hangs.
func (s *store) setMarkWatched(m mark) error {
	f := s.w.second
	if f.disks[0].left.Load() {
		return nil
	}
	if !s.mark.intend(m) {
		return nil
	}
	r := f.do(0, func() result { return result{err: s.mark.fulfill(m)} })
	if errors.Is(r.err, errSlow) {
		return nil
	}
	return r.err
}

// move writes the pending records again, in a new segment on another disk, and returns where the last one lies. They are
// durable then.
func (s *store) move(to int) (position, error) {
	f := s.w.second
	s.logger.Warn("the log goes on on another disk", "from", f.disks[f.at].dir, "to", f.disks[to].dir)
	number := f.base.head.number
	records := make([][]byte, 1, 1+len(f.pending))
	for _, p := range f.pending {
		records = append(records, slices.Clone(p.bytes))
	}
	seg, at, err := s.createWatched(to, number, records)
	if err != nil {
		return position{}, err
	}
	s.follow(seg)
	s.w.next = number + uint64(len(f.pending)) // put counts the last one
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range f.pending[:len(f.pending)-1] {
		s.positions.move(p.first, at[i+1])
	}
	f.pending = nil
	return at[len(at)-1], nil
}

// createWatched makes a segment on a disk, or on the other one should that be slow; records[0] is for its head.
func (s *store) createWatched(to int, number uint64, records [][]byte) (*segment, []position, error) {
	f := s.w.second
	for {
		// A segment that a slow disk may still make keeps its sequence number.
		s.w.newest++
		f.base.head.seq, f.base.head.number = s.w.newest, number
		records[0] = slices.Clone(s.w.encode(f.base))
		seq, place, room, records := s.w.newest, f.disks[to].place, s.w.sizeMax, cloneAll(records)
		res := f.do(to, func() result {
			seg, at, err := createSegment(place, seq, room, records...)
			return result{seg, at, err}
		})
		if !errors.Is(res.err, errSlow) {
			f.at = to
			return res.seg, res.at, res.err
		}
		to = 1 - to
	}
}

func cloneAll(bs [][]byte) [][]byte {
	clones := make([][]byte, len(bs))
	for i, b := range bs {
		clones[i] = slices.Clone(b)
	}
	return clones
}

// rotateWatched is rotate with another disk at hand, once all is durable.
func (s *store) rotateWatched(head *record) error {
	f := s.w.second
	f.base = head
	to := 1
	if !f.disks[0].left.Load() {
		to = 0
	}
	seg, _, err := s.createWatched(to, s.w.next, make([][]byte, 1))
	if err != nil {
		return err
	}
	s.w.next++
	return s.succeed(seg)
}

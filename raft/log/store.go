package log

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// segmentBytes is the size at which a segment is followed by the next.
const segmentBytes = 32 << 20

// store is the Log on segments.
type store struct {
	lock   io.Closer // of the folder
	fail   *failure
	mark   *watermark
	m      *metrics
	reg    prometheus.Registerer
	logger *slog.Logger

	writeMu sync.Mutex // held by whoever writes; guards w
	w       writer

	files sync.RWMutex // held for reading while a segment is read, for writing while one is closed

	mu        sync.RWMutex // guards what follows; never held during a write to disk
	hs        hardState
	begin     begin
	last      uint64
	synced    mark // as of the newest synced write
	tail      tail
	meta      []byte
	segments  []*segment // oldest first, the newest last
	positions positions
}

// writer is where the log goes on.
type writer struct {
	place    place
	second   *failover // nil: there is no other disk
	seg      *segment
	sizeMax  int64
	next     uint64 // number of the next record
	newest   uint64 // the highest sequence number in use
	unsynced bool   // seg has records that were not synced
	buf      []byte
}

// encode makes a record's bytes, with room for the frame. They are valid until the next call.
func (w *writer) encode(r *record) []byte {
	if n := frameSize + r.size(); cap(w.buf) < n {
		w.buf = make([]byte, 0, n)
	}
	w.buf = r.append(w.buf[:frameSize])
	return w.buf
}

// headRecord is what a segment begins with that follows the newest one.
func (s *store) headRecord() *record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	hs, begin := s.hs, s.begin
	return &record{
		head: &head{seq: s.w.newest + 1, number: s.w.next, last: s.last},
		meta: s.meta, hs: &hs, begin: &begin,
	}
}

// write appends a record, in a new segment if the newest is full. With sync it is durable on return, and so is all that was
// written before. After an error there is no other write (I4).
func (s *store) write(r *record, sync bool) (position, error) {
	if s.w.seg.size >= s.w.sizeMax {
		if err := s.rotate(s.headRecord()); err != nil {
			return position{}, err
		}
	}
	return s.put(r, sync)
}

// put is write to the newest segment.
func (s *store) put(r *record, sync bool) (at position, err error) {
	if err := s.fail.get(); err != nil {
		return position{}, err
	}
	b, began := s.w.encode(r), time.Now()
	if s.w.second != nil {
		at, err = s.putWatched(b, r, sync)
	} else {
		at, err = s.w.seg.append(b)
		s.m.writeSeconds.Observe(time.Since(began).Seconds())
		if err == nil && sync {
			err = s.w.seg.file.SyncData()
		}
	}
	if err != nil {
		return position{}, s.fail.set(fmt.Errorf("write %s: %w", segmentName(s.w.seg.seq), err))
	}
	if sync {
		s.m.fsyncSeconds.Observe(time.Since(began).Seconds())
	}
	s.w.next++
	s.w.unsynced = !sync
	s.m.writeBytes.Add(float64(len(b)))
	return at, nil
}

// sync makes what was written durable.
func (s *store) sync() error {
	if !s.w.unsynced {
		return nil
	}
	hs := s.hs
	_, err := s.put(&record{hs: &hs}, true)
	return err
}

// rotate begins a new segment, once all before it is durable.
func (s *store) rotate(head *record) error {
	if err := s.sync(); err != nil {
		return err
	}
	head.head.number = s.w.next
	if s.w.second != nil {
		return s.fail.set(s.rotateWatched(head))
	}
	seg, _, err := createSegment(s.w.place, s.w.newest+1, s.w.sizeMax, s.w.encode(head))
	if err != nil {
		return s.fail.set(err)
	}
	s.w.next++
	return s.fail.set(s.succeed(seg))
}

// succeed makes a segment that is durable the newest one, after one that is full.
func (s *store) succeed(seg *segment) error {
	full := s.w.seg
	s.follow(seg)
	return full.seal()
}

// follow makes a segment that is durable the newest one.
func (s *store) follow(seg *segment) {
	s.w.seg, s.w.newest, s.w.unsynced = seg, seg.seq, false
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments = append(s.segments, seg)
}

// remove closes and removes segments that nothing needs any more, oldest first. Should it fail, they are in nobody's way.
func (s *store) remove(old []*segment) {
	if len(old) == 0 {
		return
	}
	s.files.Lock()
	var err error
	for _, seg := range old {
		err = errors.Join(err, seg.close())
	}
	s.files.Unlock()
	for _, seg := range old {
		err = errors.Join(err, seg.fs.Remove(seg.path(segmentName(seg.seq))))
	}
	if err != nil {
		s.logger.Warn("could not remove segments of the log", "error", err)
	}
}

// noteDurable tells the watermark what is durable now.
func (s *store) noteDurable(m mark) error {
	set := s.mark.set
	if s.w.second != nil {
		set = s.setMarkWatched
	}
	if err := set(m); err != nil {
		return s.fail.set(err)
	}
	return nil
}

// Close implements Log.
func (s *store) Close() error {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	defer s.m.unregister(s.reg)
	var err error
	if !s.w.second.hangs(s.w.place) {
		if s.fail.get() == nil {
			s.mu.RLock()
			m := s.synced
			s.mu.RUnlock()
			err = s.mark.set(m)
		}
		err = errors.Join(err, s.mark.close())
	}
	s.w.second.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segments {
		if !s.w.second.hangs(seg.place) {
			err = errors.Join(err, seg.close())
		}
	}
	if s.w.second.waits() { // no other writer may meet what comes late
		go s.w.second.unlockLater(s.lock)
		return err
	}
	return errors.Join(err, s.lock.Close())
}

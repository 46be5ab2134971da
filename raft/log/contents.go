package log

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// contents is what a log's folders hold.
type contents struct {
	born bool // the log was created to its end; false: nothing is there, or the creation was cut off
	hs   hardState
	begin
	last      uint64
	next      uint64 // number of the next record
	meta      []byte
	tail      tail
	positions positions
	segments  []*segment // in order; open
	newest    uint64     // the highest sequence number in use
	strays    []string   // paths of segments whose creation was cut off
	markSeq   uint64     // of mark
	mark      mark
}

// readContents finds out what the folders hold without changing them; the first of them is the log's own. Close what it
// returns, also with an error. A creation that was cut off leaves nothing but strays.
func readContents(places []place, o Options) (*contents, error) {
	c := &contents{tail: tail{bytesMax: o.TailBytesMax}}
	found := map[uint64]place{}
	for i, p := range places {
		if err := c.list(p, i == 0, found); err != nil {
			return c, err
		}
	}
	main := places[0]
	var err error
	if c.markSeq, c.mark, c.born, err = readWatermark(main.fs, main.dir); err != nil {
		return c, err
	}
	for seq, p := range found {
		f, err := p.fs.OpenReadWrite(p.path(segmentName(seq)), vfs.WriteCategoryUnspecified)
		if err != nil {
			return c, fmt.Errorf("log: open segment: %w", err)
		}
		c.segments = append(c.segments, &segment{place: p, seq: seq, file: f})
		c.newest = max(c.newest, seq)
	}
	slices.SortFunc(c.segments, func(a, b *segment) int { return int(int64(a.seq - b.seq)) })
	if err := c.replay(); err != nil {
		return c, err
	}
	if c.born {
		return c, c.check()
	}
	if c.last > 0 || c.meta != nil || c.hs != (hardState{}) {
		return c, fmt.Errorf("%w: %s is missing", ErrCorrupt, watermarkName)
	}
	for _, s := range c.segments {
		c.strays = append(c.strays, s.path(segmentName(s.seq)))
	}
	return c, c.close()
}

// list finds the segments of a folder, and refuses one with foreign files. The second folder may hold others' files.
func (c *contents) list(p place, main bool, found map[uint64]place) error {
	names, err := p.fs.List(p.dir)
	if err != nil && !oserror.IsNotExist(err) {
		return fmt.Errorf("log: list folder: %w", err)
	}
	for _, name := range names {
		if seq, ok := segmentSeq(name); ok {
			found[seq] = p
			continue
		}
		switch {
		case isNewSegment(name):
			c.strays = append(c.strays, p.path(name))
		case !main, slices.Contains(ownFiles, name):
		default:
			return fmt.Errorf("%w: %s is in it", ErrForeign, name)
		}
	}
	return nil
}

// ownFiles may lie beside the segments.
var ownFiles = []string{lockName, "lost+found", watermarkName, watermarkName + ".tmp", failoverName, failoverName + ".tmp", probeName, asideDir}

// replay reads all segments. What one holds from the number on that the next one begins with is void.
func (c *contents) replay() error {
	if len(c.segments) == 0 {
		if c.born {
			return fmt.Errorf("%w: %s is there, no segment is", ErrCorrupt, watermarkName)
		}
		return nil
	}
	// Of two segments in a row both are read before one is let go, as the second says how far the first counts.
	readers, heads := make([]*segmentReader, len(c.segments)), make([]*head, len(c.segments))
	for i := range c.segments {
		for j := i; j < min(i+2, len(c.segments)); j++ {
			if heads[j] != nil {
				continue
			}
			var err error
			if readers[j], heads[j], err = c.segments[j].begin(); err != nil {
				return err
			}
		}
		limit := uint64(0)
		if i+1 < len(c.segments) {
			limit = heads[i+1].number
		}
		if err := c.replaySegment(c.segments[i], readers[i], heads[i].number, limit); err != nil {
			return err
		}
		readers[i] = nil
	}
	return nil
}

// begin returns a reader of a segment's records, and the head of the first one.
func (s *segment) begin() (*segmentReader, *head, error) {
	reader, err := newSegmentReader(s.file)
	if err != nil {
		return nil, nil, err
	}
	first := *reader
	payload, _, ok, err := first.take(0)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, fmt.Errorf("%w: %s has no head", ErrCorrupt, segmentName(s.seq))
	}
	r, err := decodeRecord(payload)
	if err != nil {
		return nil, nil, err
	}
	if r.head == nil || r.head.seq != s.seq {
		return nil, nil, fmt.Errorf("%w: %s has another one's head", ErrCorrupt, segmentName(s.seq))
	}
	return reader, r.head, nil
}

// replaySegment applies the records of a segment up to limit, the number of the next one's first record; 0: to its end.
func (c *contents) replaySegment(s *segment, reader *segmentReader, number, limit uint64) error {
	if c.next != number {
		// Those before it are left over from a removal. Should they not be, entries are missing (check).
		c.forget()
	}
	for ; limit == 0 || number < limit; number++ {
		payload, sum, ok, err := reader.take(s.sum)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		r, err := decodeRecord(payload)
		if err != nil {
			return err
		}
		at := position{seg: s, offset: s.size, length: frameSize + len(payload), before: s.sum}
		s.size += int64(at.length)
		s.sum = sum
		if err := c.apply(r, at); err != nil {
			return err
		}
	}
	c.next = number
	return nil
}

// forget empties the log, but for what a head tells anew.
func (c *contents) forget() {
	c.positions = nil
	c.tail.clear()
}

// apply makes the changes of one record.
func (c *contents) apply(r *record, at position) error {
	if r.head != nil && r.head.last != c.last {
		c.forget()
		c.last = r.head.last
	}
	if r.meta != nil {
		c.meta = r.meta
	}
	if r.hs != nil {
		c.hs = *r.hs
	}
	if r.begin != nil {
		c.begin = *r.begin
		c.last = max(c.last, c.index)
	}
	if len(r.entries) == 0 {
		return nil
	}
	first := r.entries[0].GetIndex()
	if first > c.last+1 || first <= c.index {
		return fmt.Errorf("%w: entry %d follows %d", ErrCorrupt, first, c.last)
	}
	at.first = first
	c.positions.add(at)
	c.tail.append(r.entries)
	c.last = r.entries[len(r.entries)-1].GetIndex()
	return nil
}

// check verifies what must hold across records: I1, I3, and that the hard state is within the log.
func (c *contents) check() error {
	first := c.last + 1
	if len(c.positions) > 0 {
		first = c.positions[0].first
	}
	switch {
	case c.index+1 < first:
		return fmt.Errorf("%w: it begins at %d, entries from %d on are kept", ErrCorrupt, first, c.index+1)
	case c.last < c.mark.last:
		return fmt.Errorf("%w: it ends at %d, entries up to %d were written", ErrCorrupt, c.last, c.mark.last)
	case c.hs.term < c.mark.term:
		return fmt.Errorf("%w: it is at term %d, term %d was written", ErrCorrupt, c.hs.term, c.mark.term)
	case c.hs.term == c.mark.term && c.mark.vote != 0 && c.hs.vote != c.mark.vote:
		return fmt.Errorf("%w: its vote of term %d is %x, %x was written", ErrCorrupt, c.hs.term, c.hs.vote, c.mark.vote)
	case c.hs.commit > c.last:
		return fmt.Errorf("%w: it ends at %d, before its commit index %d", ErrCorrupt, c.last, c.hs.commit)
	}
	c.tail.dropTo(c.index)
	c.positions.dropTo(c.index)
	return nil
}

// close closes the segments.
func (c *contents) close() error {
	var err error
	for _, s := range c.segments {
		err = errors.Join(err, s.close())
	}
	c.segments = nil
	return err
}

package etcddir

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// walFile is a file of the log: entries from index on.
type walFile struct {
	name       string
	seq, index uint64
}

// parseWALName reads the name of a file of the log; false for another file's.
func parseWALName(name string) (f walFile, ok bool) {
	base, found := strings.CutSuffix(name, ".wal")
	seq, index, dash := strings.Cut(base, "-")
	if !found || !dash || len(seq) != 16 || len(index) != 16 {
		return f, false
	}
	var err1, err2 error
	f.name = name
	f.seq, err1 = strconv.ParseUint(seq, 16, 64)
	f.index, err2 = strconv.ParseUint(index, 16, 64)
	return f, err1 == nil && err2 == nil
}

// filesFrom are the files that hold the entries after an index, in order.
func filesFrom(names []string, index uint64) ([]walFile, error) {
	var files []walFile
	for _, name := range names {
		if f, ok := parseWALName(name); ok {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b walFile) int { return strings.Compare(a.name, b.name) })
	first := -1
	for i, f := range files {
		if i > 0 && f.seq != files[i-1].seq+1 {
			return nil, fmt.Errorf("%w: a file of the log is missing before %s", ErrCorrupt, f.name)
		}
		if f.index <= index+1 {
			first = i
		}
	}
	if first < 0 {
		return nil, fmt.Errorf("%w: the log does not reach back to entry %d", ErrCorrupt, index+1)
	}
	return files[first:], nil
}

// wal is what the log holds after a snapshot.
type wal struct {
	after   uint64
	entries []*raftpb.Entry
	commit  uint64
	crc     reader
}

// add reads a file. Only the last one may end in a torn record.
func (w *wal) add(name string, b []byte, last bool) error {
	err := w.crc.file(b, w.record)
	if errors.Is(err, errTorn) {
		if last {
			return nil
		}
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// record takes one record.
func (w *wal) record(r record) error {
	switch r.kind {
	case recordEntry:
		e := &raftpb.Entry{}
		if err := proto.Unmarshal(r.data, e); err != nil {
			return fmt.Errorf("%w: entry: %w", ErrCorrupt, err)
		}
		return w.entry(e)
	case recordState:
		s := &raftpb.HardState{}
		if err := proto.Unmarshal(r.data, s); err != nil {
			return fmt.Errorf("%w: hard state: %w", ErrCorrupt, err)
		}
		w.commit = max(w.commit, s.GetCommit())
	case recordMetadata, recordCRC, recordSnapshot:
	default:
		return fmt.Errorf("%w: record of type %d", ErrCorrupt, r.kind)
	}
	return nil
}

// entry takes an entry, which replaces those from its index on.
func (w *wal) entry(e *raftpb.Entry) error {
	index := e.GetIndex()
	if index <= w.after {
		return nil
	}
	at := index - w.after - 1
	if at > uint64(len(w.entries)) {
		return fmt.Errorf("%w: entry %d follows %d", ErrCorrupt, index, w.after+uint64(len(w.entries)))
	}
	w.entries = append(w.entries[:at], e)
	return nil
}

// committed are the entries up to the commit index.
func (w *wal) committed() ([]Entry, error) {
	var out []Entry
	for _, e := range w.entries {
		if e.GetIndex() > w.commit {
			break
		}
		decoded, err := decodeEntry(e)
		if err != nil {
			return nil, err
		}
		out = append(out, decoded)
	}
	return out, nil
}

package etcddir

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
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

// filesOf are the files of the log among the names in its folder, in order.
func filesOf(names []string) ([]walFile, error) {
	var files []walFile
	for _, name := range names {
		if f, ok := parseWALName(name); ok {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b walFile) int { return strings.Compare(a.name, b.name) })
	for i, f := range files {
		if i > 0 && f.seq != files[i-1].seq+1 {
			return nil, fmt.Errorf("%w: a file of the log is missing before %s", ErrCorrupt, f.name)
		}
	}
	return files, nil
}

// filesFrom are those of the files that hold the entries after an index.
func filesFrom(files []walFile, index uint64) ([]walFile, error) {
	first := -1
	for i, f := range files {
		if f.index <= index+1 {
			first = i
		}
	}
	if first < 0 {
		return nil, fmt.Errorf("%w: the log does not reach back to entry %d", ErrCorrupt, index+1)
	}
	return files[first:], nil
}

// snapshotID names a snapshot.
type snapshotID struct{ term, index uint64 }

// file is the name of a snapshot's file in member/snap.
func (id snapshotID) file() string { return fmt.Sprintf("%016x-%016x.snap", id.term, id.index) }

// wal is what the log holds after a snapshot.
type wal struct {
	after     uint64
	entries   []*raftpb.Entry
	snapshots []snapshotID // that are named, in the log's order
	commit    uint64
	crc       reader
}

// read reads files, the last of which is the log's last.
func (w *wal) read(dir string, files []walFile) error {
	for i, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.name))
		if err != nil {
			return err
		}
		if err := w.add(f.name, b, i == len(files)-1); err != nil {
			return err
		}
	}
	return nil
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
	case recordSnapshot:
		return w.snapshot(r.data)
	case recordMetadata, recordCRC:
	default:
		return fmt.Errorf("%w: record of type %d", ErrCorrupt, r.kind)
	}
	return nil
}

// snapshot takes the name of a snapshot. A log begins with one of index 0, which there is no file of.
func (w *wal) snapshot(data []byte) error {
	var id snapshotID
	err := fields(data, func(number protowire.Number, varint uint64, _ []byte) {
		switch number {
		case 1:
			id.index = varint
		case 2:
			id.term = varint
		}
	})
	if err == nil && id.index > 0 {
		w.snapshots = append(w.snapshots, id)
	}
	return err
}

// snapshotsMade are the snapshots that are not beyond the commit index, newest first. One that is beyond was being received
// when the member crashed.
func (w *wal) snapshotsMade() []snapshotID {
	made := slices.DeleteFunc(slices.Clone(w.snapshots), func(id snapshotID) bool { return id.index > w.commit })
	slices.SortFunc(made, func(a, b snapshotID) int {
		return cmp.Or(cmp.Compare(b.term, a.term), cmp.Compare(b.index, a.index))
	})
	return made
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

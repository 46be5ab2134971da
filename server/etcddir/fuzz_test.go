package etcddir

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/v2pb"
)

// frame is a record as it stands in a file, its checksum following on sum.
func frame(sum *uint32, kind uint64, data []byte) []byte {
	if kind != recordCRC {
		*sum = crc32.Update(*sum, castagnoli, data)
	}
	rec := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), kind)
	rec = protowire.AppendVarint(protowire.AppendTag(rec, 2, protowire.VarintType), uint64(*sum))
	if data != nil {
		rec = protowire.AppendBytes(protowire.AppendTag(rec, 3, protowire.BytesType), data)
	}
	length, padding := uint64(len(rec)), (8-len(rec)%8)%8
	if padding > 0 {
		length |= uint64(0x80|padding) << 56
	}
	return append(append(binary.LittleEndian.AppendUint64(nil, length), rec...), make([]byte, padding)...)
}

// request is a request as etcd writes it into an entry: fields that are not set, too.
func request(r *v2pb.Request) []byte {
	var b []byte
	for number, v := range []any{1: r.ID, 2: r.Method, 3: r.Path, 4: r.Val, 5: r.Dir, 6: r.PrevValue, 7: r.PrevIndex, 9: uint64(r.Expiration), 15: uint64(r.Time)} {
		switch v := v.(type) {
		case uint64:
			b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(number), protowire.VarintType), v)
		case bool:
			b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(number), protowire.VarintType), protowire.EncodeBool(v))
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, protowire.Number(number), protowire.BytesType), v)
		}
	}
	return b
}

// log is a file with entries of API 2 from index 1 on, all committed.
func log(t testing.TB, requests ...*v2pb.Request) []byte {
	var sum uint32
	file := frame(&sum, recordCRC, nil)
	file = append(file, frame(&sum, recordMetadata, []byte{})...)
	for i, r := range requests {
		e := &raftpb.Entry{Index: proto.Uint64(uint64(i) + 1), Term: proto.Uint64(1), Data: request(r)}
		b, err := proto.Marshal(e)
		require.NoError(t, err)
		file = append(file, frame(&sum, recordEntry, b)...)
	}
	state, err := proto.Marshal(&raftpb.HardState{Term: proto.Uint64(1), Commit: proto.Uint64(uint64(len(requests)))})
	require.NoError(t, err)
	return append(file, frame(&sum, recordState, state)...)
}

// namingLog is a file without entries that names snapshotFile's snapshot.
func namingLog(t testing.TB, commit uint64) []byte {
	var sum uint32
	file := frame(&sum, recordCRC, nil)
	for _, id := range []snapshotID{{}, {term: 1, index: 3}} {
		name := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), id.index)
		name = protowire.AppendVarint(protowire.AppendTag(name, 2, protowire.VarintType), id.term)
		file = append(file, frame(&sum, recordSnapshot, name)...)
	}
	state, err := proto.Marshal(&raftpb.HardState{Term: proto.Uint64(1), Commit: &commit})
	require.NoError(t, err)
	return append(file, frame(&sum, recordState, state)...)
}

// snapshotFile is a file of member/snap.
func snapshotFile(t testing.TB, store string) []byte {
	data, err := proto.Marshal(&raftpb.Snapshot{Data: []byte(store), Metadata: &raftpb.SnapshotMetadata{Index: proto.Uint64(3), Term: proto.Uint64(1)}})
	require.NoError(t, err)
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(crc32.Checksum(data, castagnoli)))
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), data)
}

// storeText is a small v2 store, with a history whose ring has wrapped.
const storeText = `{"Root":{"Path":"/","Children":{"1":{"Path":"/1","Children":{"a":{"Path":"/1/a","CreatedIndex":2,"ModifiedIndex":3,` +
	`"ExpireTime":"2030-01-02T03:04:05.6Z","Value":"v","Children":null}}}}},"WatcherHub":{"EventHistory":{"Queue":{"Events":[` +
	`{"action":"set","node":{"key":"/1/a","value":"v","modifiedIndex":3}},{"action":"create","node":{"key":"/1/a","modifiedIndex":2}}],` +
	`"Size":2,"Front":1,"Back":1,"Capacity":2}}},"CurrentIndex":3}`

var twoRequests = []*v2pb.Request{
	{ID: 7, Method: "PUT", Path: "/1/a", Val: "v\xff", Expiration: 1},
	{ID: 8, Method: "SYNC", Time: 2},
}

func TestOpenReadsSnapshotAndLog(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"snap", "wal"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "member", sub), 0o700))
	}
	logPath := filepath.Join(dir, "member", "wal", "0000000000000000-0000000000000000.wal")
	whole := append(log(t, twoRequests...), make([]byte, 4096)...) // preallocated
	require.NoError(t, os.WriteFile(logPath, whole, 0o600))
	c, err := Open(dir, "")
	require.NoError(t, err)
	require.Len(t, c.Entries, 2)
	require.Equal(t, "PUT", c.Entries[0].V2.Method)
	require.Equal(t, "v\uFFFD", c.Entries[0].V2.Val, "as etcd's JSON has it")
	require.EqualValues(t, 2, c.Entries[1].V2.Time)
	require.Nil(t, c.Entries[1].V3)

	snapPath := filepath.Join(dir, "member", "snap", "0000000000000001-0000000000000003.snap")
	require.NoError(t, os.WriteFile(snapPath, snapshotFile(t, storeText), 0o600))
	c, err = Open(dir, "")
	require.NoError(t, err)
	require.Zero(t, c.Index, "the log does not name it")
	require.Len(t, c.Entries, 2)

	require.NoError(t, os.WriteFile(logPath, namingLog(t, 2), 0o600))
	c, err = Open(dir, "")
	require.NoError(t, err)
	require.Zero(t, c.Index, "it is beyond the commit index")

	require.NoError(t, os.WriteFile(logPath, namingLog(t, 3), 0o600))
	c, err = Open(dir, "")
	require.NoError(t, err)
	require.EqualValues(t, 3, c.Index)
	require.Equal(t, filepath.Join(dir, "member", "snap", "0000000000000003.snap.db"), c.Received)
	require.Empty(t, c.Entries, "all are in the snapshot")
	require.EqualValues(t, 3, c.Tree.Index)
	require.Len(t, c.Tree.Nodes, 1)
	require.Equal(t, "/1/a", c.Tree.Nodes[0].Path)
	require.NotZero(t, c.Tree.Nodes[0].Expiration)
	require.EqualValues(t, 2, c.Tree.Events[0].Node.ModifiedIndex)
	require.EqualValues(t, 3, c.Tree.Events[1].Node.ModifiedIndex)
}

// TestDamageIsFound flips every byte of a log and of a snapshot: what is read then is the same, less, or refused as damaged.
func TestDamageIsFound(t *testing.T) {
	whole := log(t, twoRequests...)
	read := func(b []byte) ([]Entry, error) {
		w := &wal{}
		if err := w.add("file", b, true); err != nil {
			return nil, err
		}
		return w.committed()
	}
	want, err := read(whole)
	require.NoError(t, err)
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x10
		got, err := read(bad)
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt, "byte %d", i)
			continue
		}
		require.LessOrEqual(t, len(got), len(want))
		for n, e := range got {
			require.Equal(t, want[n].V2, e.V2, "byte %d", i)
		}
	}
	snap := snapshotFile(t, storeText)
	for i := range snap {
		bad := bytes.Clone(snap)
		bad[i] ^= 0x10
		_, err := decodeSnapshot(bad)
		require.ErrorIs(t, err, ErrCorrupt, "byte %d", i)
	}
}

// TestATornRecordEndsTheLog only where a record can have been torn: in the last file.
func TestATornRecordEndsTheLog(t *testing.T) {
	whole := log(t, twoRequests...)
	w := &wal{}
	require.NoError(t, w.add("file", whole[:len(whole)-3], true))
	require.Len(t, w.entries, 2)
	require.ErrorIs(t, (&wal{}).add("file", whole[:len(whole)-3], false), ErrCorrupt)
}

// TestAReplacedEntryIsGone along with what followed it.
func TestAReplacedEntryIsGone(t *testing.T) {
	w := &wal{}
	for _, index := range []uint64{1, 2, 3, 2} {
		require.NoError(t, w.entry(&raftpb.Entry{Index: &index}))
	}
	require.Len(t, w.entries, 2)
	require.ErrorIs(t, w.entry(&raftpb.Entry{Index: proto.Uint64(4)}), ErrCorrupt, "a gap")
}

func FuzzLog(f *testing.F) {
	f.Add(log(f, twoRequests...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x87})
	f.Add(namingLog(f, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &wal{}
		if err := w.add("file", b, true); err == nil {
			_ = w.snapshotsMade()
			_, _ = w.committed()
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add(request(twoRequests[0]))
	f.Add([]byte{0x12, 0x02, 0x08, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := decodeEntry(&raftpb.Entry{Type: raftpb.EntryNormal.Enum(), Data: data}); err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
		}
	})
}

func FuzzSnapshot(f *testing.F) {
	f.Add(snapshotFile(f, storeText))
	f.Fuzz(func(t *testing.T, b []byte) {
		if snap, err := decodeSnapshot(b); err == nil {
			_, _ = decodeTree(snap.GetData())
		}
	})
}

func FuzzTree(f *testing.F) {
	f.Add([]byte(storeText))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := decodeTree(b); err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
		}
	})
}

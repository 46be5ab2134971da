package log

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

func TestEntriesSurviveTheCodec(t *testing.T) {
	for _, e := range []*raftpb.Entry{
		{Index: new(uint64(1)), Term: new(uint64(1)), Type: raftpb.EntryNormal.Enum(), Data: []byte("data")},
		{Index: new(uint64(1 << 60)), Term: new(uint64(9)), Type: raftpb.EntryConfChangeV2.Enum()},
	} {
		b := make([]byte, entryHeaderSize+len(e.Data))
		putEntry(b, e)
		got, err := decodeEntry(e.GetIndex(), b)
		require.NoError(t, err)
		require.True(t, proto.Equal(e, got))
		index, err := decodeEntryKey(entryKey(e.GetIndex()))
		require.NoError(t, err)
		require.Equal(t, e.GetIndex(), index)
	}
}

// The bytes on disk are promised: a change of them is a change of the format.
func TestFormatIsStable(t *testing.T) {
	require.Equal(t, []byte{0x10, 0, 0, 0, 0, 0, 0, 1, 2}, entryKey(0x102))
	b := make([]byte, entryHeaderSize+1)
	putEntry(b, &raftpb.Entry{Term: new(uint64(5)), Type: raftpb.EntryConfChange.Enum(), Data: []byte("x")})
	require.Equal(t, []byte{0, 0, 0, 0, 0, 0, 0, 5, 1, 'x'}, b)
	require.Equal(t, []byte("petcd-raft-log\x01"), formatValue())
	require.Equal(t, bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 7}, 3), hardState{7, 7, 7}.encode())
	require.Equal(t, bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 7}, 3), begin{7, 7, 7}.encode())
	slot := encodeWatermark(7, mark{7, 7, 7})
	require.Equal(t, append([]byte("petcdwm1"), bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 7}, 4)...), slot[:40])
	require.Len(t, slot, watermarkLength)
}

func FuzzDecoders(f *testing.F) {
	f.Add(entryKey(5))
	f.Add(hardState{1, 2, 3}.encode())
	f.Add(begin{9, 2, 3}.encode())
	f.Add(encodeWatermark(12, mark{1, 2, 3}))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 5, 1, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if index, err := decodeEntryKey(b); err == nil {
			require.Equal(t, b, entryKey(index))
		}
		if e, err := decodeEntry(3, b); err == nil {
			again := make([]byte, entryHeaderSize+len(e.Data))
			putEntry(again, e)
			require.Equal(t, b, again)
		}
		if h, err := decodeHardState(b); err == nil {
			require.Equal(t, b, h.encode())
		}
		if g, err := decodeBegin(b); err == nil {
			require.Equal(t, b, g.encode())
		}
		if seq, m, ok := decodeWatermark(b); ok {
			require.Equal(t, b[:watermarkLength], encodeWatermark(seq, m))
		}
		_, _ = decodeEntryTerm(1, b)
		_ = (&contents{}).readFormat(b)
	})
}

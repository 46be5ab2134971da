package log

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
)

func TestRecordsSurviveTheCodec(t *testing.T) {
	for _, r := range []*record{
		{hs: &hardState{1, 2, 3}},
		{meta: []byte{}},
		{
			head: &head{1, 2, 3}, meta: []byte("identity"), hs: &hardState{4, 5, 6}, begin: &begin{7, 8},
			entries: []*raftpb.Entry{
				{Index: new(uint64(9)), Term: new(uint64(1)), Type: raftpb.EntryNormal.Enum(), Data: []byte("data")},
				{Index: new(uint64(10)), Term: new(uint64(2)), Type: raftpb.EntryConfChangeV2.Enum()},
			},
		},
	} {
		got, err := decodeRecord(r.append(nil))
		require.NoError(t, err)
		require.Equal(t, r.append(nil), got.append(nil))
		require.Equal(t, r.hs, got.hs)
		require.Equal(t, r.begin, got.begin)
		require.Equal(t, r.head, got.head)
		require.Equal(t, r.meta, got.meta)
		require.Len(t, got.entries, len(r.entries))
		for i, e := range got.entries {
			require.Equal(t, r.entries[i].GetIndex(), e.GetIndex())
			require.Equal(t, r.entries[i].GetTerm(), e.GetTerm())
			require.Equal(t, r.entries[i].GetType(), e.GetType())
			require.Equal(t, r.entries[i].GetData(), e.GetData())
		}
		require.LessOrEqual(t, len(r.append(nil)), r.size())
	}
}

// The bytes on disk are promised: a change of them is a change of the format.
func TestFormatIsStable(t *testing.T) {
	r := record{
		head: &head{1, 2, 3}, meta: []byte("id"), hs: &hardState{4, 5, 6}, begin: &begin{7, 8},
		entries: []*raftpb.Entry{{Index: new(uint64(9)), Term: new(uint64(1)), Type: raftpb.EntryConfChange.Enum(), Data: []byte("x")}},
	}
	b := r.append(make([]byte, frameSize))
	sum := putFrame(b, 7)
	require.Equal(t, "00000074"+"b25085eb"+
		"01"+hex.EncodeToString([]byte("petcd-raft-log"))+"02"+"000000000000000100000000000000020000000000000003"+
		"02"+"00000002"+hex.EncodeToString([]byte("id"))+
		"03"+"000000000000000400000000000000050000000000000006"+
		"04"+"00000000000000070000000000000008"+
		"10"+"0000000000000009"+"00000001"+"0000000000000001"+"01"+"00000001"+hex.EncodeToString([]byte("x")),
		hex.EncodeToString(b))
	payload, again, ok := takeFrame(append(b, 0, 0, 0), 7)
	require.True(t, ok)
	require.Equal(t, sum, again)
	require.Equal(t, b[frameSize:], payload)

	require.Equal(t, "00000000000000ff.log", segmentName(255))
	slot := encodeWatermark(7, mark{7, 7, 7})
	require.Equal(t, append([]byte("petcdwm1"), bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 7}, 4)...), slot[:40])
	require.Len(t, slot, watermarkLength)
}

func FuzzDecoders(f *testing.F) {
	f.Add((&record{
		head: &head{1, 2, 3}, meta: []byte("id"), hs: &hardState{4, 5, 6}, begin: &begin{7, 8},
		entries: []*raftpb.Entry{{Index: new(uint64(9)), Term: new(uint64(1)), Type: raftpb.EntryNormal.Enum(), Data: []byte("x")}},
	}).append(nil))
	f.Add(encodeWatermark(12, mark{1, 2, 3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRecord(b); err == nil {
			again, err := decodeRecord(r.append(nil))
			require.NoError(t, err)
			require.Equal(t, r.append(nil), again.append(nil))
		}
		if payload, _, ok := takeFrame(b, 0); ok {
			require.NotEmpty(t, payload)
		}
		if seq, m, ok := decodeWatermark(b); ok {
			require.Equal(t, b[:watermarkLength], encodeWatermark(seq, m))
		}
	})
}

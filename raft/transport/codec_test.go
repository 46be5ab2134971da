package transport

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	require.NoError(t, err)
	return b
}

func sized(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := appendSized(nil, m)
	require.NoError(t, err)
	return b
}

func TestStreamsCarryMessagesUnchanged(t *testing.T) {
	big := appendMessage(1, 2, 4, 20, 20)
	big.Entries[0].Data = bytes.Repeat([]byte("x"), 3*readStep)
	sequence := []*raftpb.Message{
		linkHeartbeat(),
		appendMessage(1, 2, 4, 7, 5),
		appendMessage(1, 2, 4, 8, 6),
		{Type: raftpb.MsgApp.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(4)), LogTerm: new(uint64(4)), Index: new(uint64(9)), Commit: new(uint64(9))},
		appendMessage(1, 2, 4, 9, 9),
		linkHeartbeat(),
		appendMessage(1, 2, 5, 10, 9),
		big,
		appendMessage(1, 2, 4, 21, 20),
	}
	for _, kind := range []streamKind{streamMessage, streamMsgApp} {
		t.Run(string(kind), func(t *testing.T) {
			var b bytes.Buffer
			enc := kind.newEncoder(&b)
			for _, m := range sequence {
				before := b.Len()
				n, err := enc.encode(m)
				require.NoError(t, err)
				require.Equal(t, b.Len()-before, n)
			}
			dec := kind.newDecoder(&b, 2, 1)
			for _, want := range sequence {
				got, _, err := dec.decode()
				require.NoError(t, err)
				require.True(t, proto.Equal(want, got), "want %v\ngot %v", want, got)
			}
			_, _, err := dec.decode()
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

func TestLengthsAreCapped(t *testing.T) {
	huge := binary.BigEndian.AppendUint64(nil, messageBytesMax+1)
	_, _, err := streamMessage.newDecoder(bytes.NewReader(huge), 2, 1).decode()
	require.ErrorIs(t, err, ErrTooLarge)
	_, _, err = streamMsgApp.newDecoder(bytes.NewReader(append([]byte{recordMessage}, huge...)), 2, 1).decode()
	require.ErrorIs(t, err, ErrTooLarge)
	_, _, err = streamMsgApp.newDecoder(bytes.NewReader(append([]byte{recordEntries}, huge...)), 2, 1).decode()
	require.ErrorIs(t, err, ErrTooLarge)
	one := binary.BigEndian.AppendUint64([]byte{recordEntries}, 1)
	_, _, err = streamMsgApp.newDecoder(bytes.NewReader(append(one, huge...)), 2, 1).decode()
	require.ErrorIs(t, err, ErrTooLarge)
	_, _, err = streamMsgApp.newDecoder(bytes.NewReader([]byte{9}), 2, 1).decode()
	require.ErrorIs(t, err, ErrMalformed)
}

func TestTornMessageIsNotAnEnd(t *testing.T) {
	whole := sized(t, appendMessage(1, 2, 4, 7, 5))
	for cut := 1; cut < len(whole); cut++ {
		_, _, err := streamMessage.newDecoder(bytes.NewReader(whole[:cut]), 2, 1).decode()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", cut)
	}
}

func FuzzStreamDecoders(f *testing.F) {
	f.Add(sized(f, appendMessage(1, 2, 4, 7, 5)))
	var b bytes.Buffer
	enc := streamMsgApp.newEncoder(&b)
	for _, m := range []*raftpb.Message{linkHeartbeat(), appendMessage(1, 2, 4, 7, 5), appendMessage(1, 2, 4, 8, 6)} {
		_, err := enc.encode(m)
		require.NoError(f, err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []streamKind{streamMessage, streamMsgApp} {
			dec := kind.newDecoder(bytes.NewReader(data), 2, 1)
			for {
				m, n, err := dec.decode()
				if err != nil {
					break
				}
				require.NotNil(t, m)
				require.Positive(t, n)
			}
		}
	})
}

package transport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// readStep is how much is allocated ahead of what has been read (T3).
const readStep = 1 << 20

// encoder writes messages to a stream and returns how many bytes each took.
type encoder interface {
	encode(m *raftpb.Message) (int, error)
}

// decoder is its counterpart.
type decoder interface {
	decode() (m *raftpb.Message, n int, err error)
}

// isLinkHeartbeat tells a stream's sign of life from a leader's.
func isLinkHeartbeat(m *raftpb.Message) bool {
	return m.GetType() == raftpb.MsgHeartbeat && m.GetFrom() == 0 && m.GetTo() == 0
}

func linkHeartbeat() *raftpb.Message { return &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum()} }

// messageEncoder writes messages with their length before them.
type messageEncoder struct {
	w   io.Writer
	buf []byte
}

func (e *messageEncoder) encode(m *raftpb.Message) (int, error) {
	buf, err := appendSized(e.buf[:0], m)
	if err != nil {
		return 0, err
	}
	if cap(buf) <= readStep {
		e.buf = buf
	}
	return e.w.Write(buf)
}

// appendSized appends m with its length before it.
func appendSized(b []byte, m proto.Message) ([]byte, error) {
	at := len(b)
	b, err := proto.MarshalOptions{}.MarshalAppend(binary.BigEndian.AppendUint64(b, 0), m)
	if err != nil {
		return nil, fmt.Errorf("transport: encode message: %w", err)
	}
	binary.BigEndian.PutUint64(b[at:], uint64(len(b)-at-8))
	return b, nil
}

// messageDecoder reads what messageEncoder wrote.
type messageDecoder struct {
	r        io.Reader
	bytesMax uint64
	buf      []byte
}

func (d *messageDecoder) decode() (*raftpb.Message, int, error) {
	size, err := readUint64(d.r)
	if err != nil {
		return nil, 0, err
	}
	b, err := readSized(d.r, size, d.bytesMax, &d.buf)
	if err != nil {
		return nil, 0, err
	}
	m := &raftpb.Message{}
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return m, 8 + len(b), nil
}

func readUint64(r io.Reader) (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b[:]), nil
}

// readSized reads size bytes. Small ones go into *reuse, which the next call overwrites; protobuf copies what it keeps.
func readSized(r io.Reader, size, bytesMax uint64, reuse *[]byte) ([]byte, error) {
	if size > bytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, bytesMax)
	}
	if size <= readStep {
		if uint64(cap(*reuse)) < size {
			*reuse = make([]byte, size)
		}
		b := (*reuse)[:size]
		_, err := io.ReadFull(r, b)
		return b, unexpected(err)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(size)); err != nil {
		return nil, unexpected(err)
	}
	return b.Bytes(), nil
}

// unexpected makes an end in the middle of a message an error of its own.
func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // io's readers return it bare
		return io.ErrUnexpectedEOF
	}
	return err
}

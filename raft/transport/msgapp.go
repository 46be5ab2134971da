package transport

import (
	"encoding/binary"
	"fmt"
	"io"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// The msgapp stream's records, as etcd's msgappv2 has them. All integers are 8 bytes, big endian.
//
//	0                                                    heartbeat of the link
//	1, number of entries, (length, entry)..., commit     an append whose terms and indexes follow from the one before
//	2, length, message                                   any message
const (
	recordHeartbeat byte = 0
	recordEntries   byte = 1
	recordMessage   byte = 2
)

// entryCountMax bounds the entries of one record; a sender of ours is bounded by raft's message size long before.
const entryCountMax = 1 << 20

// position is what both ends know of the append that comes next: it continues at index, in term.
type position struct{ term, index uint64 }

// after is the position when m was sent whole.
func (p *position) after(m *raftpb.Message) {
	p.term, p.index = m.GetTerm(), m.GetIndex()
	if n := len(m.GetEntries()); n > 0 {
		p.index = m.GetEntries()[n-1].GetIndex()
	}
}

// msgAppEncoder writes records.
type msgAppEncoder struct {
	w    io.Writer
	next position
	buf  []byte
}

func (e *msgAppEncoder) encode(m *raftpb.Message) (int, error) {
	b := e.buf[:0]
	var err error
	switch {
	case isLinkHeartbeat(m):
		b = append(b, recordHeartbeat)
	case m.GetIndex() == e.next.index && m.GetLogTerm() == e.next.term && m.GetTerm() == m.GetLogTerm():
		b = binary.BigEndian.AppendUint64(append(b, recordEntries), uint64(len(m.GetEntries())))
		for _, entry := range m.GetEntries() {
			if b, err = appendSized(b, entry); err != nil {
				return 0, err
			}
		}
		b = binary.BigEndian.AppendUint64(b, m.GetCommit())
		e.next.index += uint64(len(m.GetEntries()))
	default:
		if b, err = appendSized(append(b, recordMessage), m); err != nil {
			return 0, err
		}
		e.next.after(m)
	}
	if cap(b) <= readStep {
		e.buf = b
	}
	return e.w.Write(b)
}

// msgAppDecoder reads records that remote wrote for local.
type msgAppDecoder struct {
	r             io.Reader
	local, remote uint64
	next          position
	buf           []byte
}

func (d *msgAppDecoder) decode() (*raftpb.Message, int, error) {
	var kind [1]byte
	if _, err := io.ReadFull(d.r, kind[:]); err != nil {
		return nil, 0, err
	}
	switch kind[0] {
	case recordHeartbeat:
		return linkHeartbeat(), 1, nil
	case recordEntries:
		return d.decodeEntries()
	case recordMessage:
		return d.decodeMessage()
	}
	return nil, 0, fmt.Errorf("%w: record %d", ErrMalformed, kind[0])
}

func (d *msgAppDecoder) decodeEntries() (*raftpb.Message, int, error) {
	m := &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), From: new(d.remote), To: new(d.local),
		Term: new(d.next.term), LogTerm: new(d.next.term), Index: new(d.next.index),
	}
	count, err := readUint64(d.r)
	if err != nil {
		return nil, 0, unexpected(err)
	}
	if count > entryCountMax {
		return nil, 0, fmt.Errorf("%w: %d entries", ErrTooLarge, count)
	}
	size := 1 + 8 + 8
	for range count {
		length, err := readUint64(d.r)
		if err != nil {
			return nil, 0, unexpected(err)
		}
		if uint64(size)+length > messageBytesMax {
			return nil, 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, messageBytesMax)
		}
		b, err := readSized(d.r, length, messageBytesMax, &d.buf)
		if err != nil {
			return nil, 0, err
		}
		entry := &raftpb.Entry{}
		if err := proto.Unmarshal(b, entry); err != nil {
			return nil, 0, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		m.Entries = append(m.Entries, entry)
		size += 8 + len(b)
	}
	d.next.index += count
	commit, err := readUint64(d.r)
	if err != nil {
		return nil, 0, unexpected(err)
	}
	m.Commit = new(commit)
	return m, size, nil
}

func (d *msgAppDecoder) decodeMessage() (*raftpb.Message, int, error) {
	whole := messageDecoder{r: d.r, bytesMax: messageBytesMax, buf: d.buf}
	m, n, err := whole.decode()
	if err != nil {
		return nil, 0, unexpected(err)
	}
	d.buf = whole.buf
	d.next.after(m)
	return m, 1 + n, nil
}

package v2pb

import (
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/encoding/protowire"
)

// entryField is the number under which etcd's InternalRaftRequest carried an
// API 2 request; since 3.6 it is reserved there, so a message that has it keeps
// it among its unknown fields.
const entryField protowire.Number = 2

// Fields of etcd's InternalRaftRequest and RequestHeader.
const (
	entryHeader protowire.Number = 100
	headerID    protowire.Number = 1
)

// ErrMalformed is wrapped by the errors of FromEntry.
var ErrMalformed = errors.New("v2pb: malformed API 2 request in a log entry")

// Entry returns the entry with a request in it. header may be nil.
func Entry(header *pb.RequestHeader, r *Request) *pb.InternalRaftRequest {
	var buf [256]byte
	data := appendRequest(buf[:0], r)
	field := make([]byte, 0, protowire.SizeTag(entryField)+protowire.SizeBytes(len(data)))
	field = protowire.AppendTag(field, entryField, protowire.BytesType)
	entry := &pb.InternalRaftRequest{Header: header}
	entry.ProtoReflect().SetUnknown(protowire.AppendBytes(field, data))
	return entry
}

// FromEntry returns the API 2 request of an entry, nil when it has none.
func FromEntry(entry *pb.InternalRaftRequest) (*Request, error) {
	for rest := []byte(entry.ProtoReflect().GetUnknown()); len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		if tag < 0 {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(tag))
		}
		size := protowire.ConsumeFieldValue(number, kind, rest[tag:])
		if size < 0 {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(size))
		}
		value := rest[tag : tag+size]
		rest = rest[tag+size:]
		if number != entryField || kind != protowire.BytesType {
			continue
		}
		data, _ := protowire.ConsumeBytes(value)
		r, err := decodeRequest(data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		return r, nil
	}
	return nil, nil
}

// Marshal returns an entry as the log has it: what the protobuf library makes of Entry with a header that has the id.
func Marshal(id uint64, r *Request) []byte {
	var buf [512]byte
	var headerBuf [16]byte // a tag and a number
	header, data := appendNumber(headerBuf[:0], headerID, id), appendRequest(buf[:0], r)
	b := make([]byte, 0, 2*protowire.SizeTag(entryHeader)+protowire.SizeBytes(len(header))+protowire.SizeBytes(len(data)))
	b = protowire.AppendBytes(protowire.AppendTag(b, entryHeader, protowire.BytesType), header)
	return protowire.AppendBytes(protowire.AppendTag(b, entryField, protowire.BytesType), data)
}

// Unmarshal is Marshal's opposite, for entries as they are written. ok is false for any other: it may hold a request all the
// same, in an uncommon form, which FromEntry finds.
func Unmarshal(data []byte) (id uint64, r *Request, ok bool) {
	value, data, ok := takeBytes(data, entryHeader)
	if !ok {
		return 0, nil, false
	}
	number, kind, tag := protowire.ConsumeTag(value)
	if tag < 0 || number != headerID || kind != protowire.VarintType {
		return 0, nil, false
	}
	id, size := protowire.ConsumeVarint(value[tag:])
	if size < 0 || tag+size != len(value) {
		return 0, nil, false
	}
	if value, data, ok = takeBytes(data, entryField); !ok || len(data) > 0 {
		return 0, nil, false
	}
	r, err := decodeRequest(value)
	return id, r, err == nil
}

// takeBytes takes a field of bytes off the beginning of a message.
func takeBytes(message []byte, field protowire.Number) (value, rest []byte, ok bool) {
	number, kind, tag := protowire.ConsumeTag(message)
	if tag < 0 || number != field || kind != protowire.BytesType {
		return nil, nil, false
	}
	value, size := protowire.ConsumeBytes(message[tag:])
	if size < 0 {
		return nil, nil, false
	}
	return value, message[tag+size:], true
}

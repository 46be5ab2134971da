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

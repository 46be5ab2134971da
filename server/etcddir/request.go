package etcddir

import (
	"fmt"
	"unicode/utf8"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/server/v2pb"
)

// Entry is a committed entry of the log. At most one of its requests is set; none is when a new leader began its term.
type Entry struct {
	Index, Term uint64
	V2          *v2pb.Request
	V3          *pb.InternalRaftRequest
	Change      *raftpb.ConfChange
}

// decodeEntry finds out what an entry holds.
func decodeEntry(e *raftpb.Entry) (Entry, error) {
	out := Entry{Index: e.GetIndex(), Term: e.GetTerm()}
	data := e.GetData()
	switch {
	case e.GetType() == raftpb.EntryConfChange:
		out.Change = &raftpb.ConfChange{}
		if err := proto.Unmarshal(data, out.Change); err != nil {
			return out, fmt.Errorf("%w: entry %d: %w", ErrCorrupt, out.Index, err)
		}
		return out, nil
	case e.GetType() != raftpb.EntryNormal:
		return out, fmt.Errorf("%w: entry %d is of type %v", ErrCorrupt, out.Index, e.GetType())
	case len(data) == 0:
		return out, nil
	}
	bare, v2, err := kindOf(data)
	if err == nil && bare {
		v2 = data
	}
	switch {
	case err != nil:
	case v2 != nil:
		out.V2, err = decodeRequest(v2)
	default:
		out.V3 = &pb.InternalRaftRequest{}
		err = proto.Unmarshal(data, out.V3)
	}
	if err != nil {
		return out, fmt.Errorf("%w: entry %d: %w", ErrCorrupt, out.Index, err)
	}
	return out, nil
}

// kindOf tells a bare request of API 2 from an InternalRaftRequest, which may have one in field 2. The former always has
// field 5, Dir, as a varint; all fields of the latter but the first are messages.
func kindOf(data []byte) (bare bool, v2 []byte, err error) {
	for rest := data; len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		if tag < 0 {
			return false, nil, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, rest[tag:])
		if size < 0 {
			return false, nil, protowire.ParseError(size)
		}
		switch {
		case number == 5 && kind == protowire.VarintType:
			bare = true
		case number == 2 && kind == protowire.BytesType:
			v2, _ = protowire.ConsumeBytes(rest[tag : tag+size])
		}
		rest = rest[tag+size:]
	}
	return bare, v2, nil
}

// decodeRequest reads a request of API 2. Package v2pb would keep strings that are no UTF-8 as they are; the JSON that etcd
// answers and stores replaces what is wrong in them, and so does this.
func decodeRequest(b []byte) (*v2pb.Request, error) {
	r := &v2pb.Request{}
	err := fields(b, func(number protowire.Number, v uint64, bytes []byte) {
		switch number {
		case 1:
			r.ID = v
		case 2:
			r.Method = text(bytes)
		case 3:
			r.Path = text(bytes)
		case 4:
			r.Val = text(bytes)
		case 5:
			r.Dir = v != 0
		case 6:
			r.PrevValue = text(bytes)
		case 7:
			r.PrevIndex = v
		case 8:
			r.PrevExist = new(v != 0)
		case 9:
			r.Expiration = int64(v)
		case 12:
			r.Recursive = v != 0
		case 15:
			r.Time = int64(v)
		case 17:
			r.Refresh = new(v != 0)
		}
	})
	return r, err
}

// text is a string with each byte that is no UTF-8 replaced.
func text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}

package v2pb

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// textFields are the fields that clients fill with any bytes: API 2 asks no key or value to be UTF-8, and etcd's encoder never
// looked. The protobuf library refuses such strings, so these fields pass it by.
var textFields = [...]protowire.Number{3, 4, 6}

// texts are the fields of a request that textFields numbers.
func (x *Request) texts() [len(textFields)]*string {
	return [...]*string{&x.Path, &x.Val, &x.PrevValue}
}

// marshal encodes a request whatever its texts are.
func marshal(r *Request) ([]byte, error) {
	rest := &Request{
		ID: r.ID, Method: r.Method, Dir: r.Dir, PrevIndex: r.PrevIndex, PrevExist: r.PrevExist, Expiration: r.Expiration,
		Wait: r.Wait, Since: r.Since, Recursive: r.Recursive, Sorted: r.Sorted, Quorum: r.Quorum, Time: r.Time, Stream: r.Stream,
		Refresh: r.Refresh,
	}
	data, err := proto.Marshal(rest)
	if err != nil {
		return nil, err
	}
	for i, value := range r.texts() {
		if *value != "" {
			data = protowire.AppendString(protowire.AppendTag(data, textFields[i], protowire.BytesType), *value)
		}
	}
	return data, nil
}

// unmarshal is marshal's opposite.
func unmarshal(data []byte) (*Request, error) {
	r := &Request{}
	texts := r.texts()
	rest := make([]byte, 0, len(data))
	for len(data) > 0 {
		number, kind, tag := protowire.ConsumeTag(data)
		if tag < 0 {
			return nil, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, data[tag:])
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		if i := slices.Index(textFields[:], number); i >= 0 && kind == protowire.BytesType {
			*texts[i], _ = protowire.ConsumeString(data[tag:])
		} else {
			rest = append(rest, data[:tag+size]...)
		}
		data = data[tag+size:]
	}
	// Merge leaves the texts as they are.
	if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(rest, r); err != nil {
		return nil, err
	}
	return r, nil
}

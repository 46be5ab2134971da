package schema

import (
	"encoding/binary"
	"fmt"
)

// V2Event is the value of a record of TableV2Events: what a change of the v2
// tree told those who watched.
type V2Event struct {
	Action  byte // package v2store has the names
	Refresh bool
	Key     string
	Node    V2EventNode
	Prev    *V2EventNode // nil: there was none
}

// V2EventNode is a node in an event.
type V2EventNode struct {
	Dir               bool
	HasValue          bool
	Value             string
	Created, Modified uint64
	Expiration        int64 // nanoseconds of Unix time; 0: never
	TTL               int64 // seconds, as of the event
}

// Second byte of an event's record.
const (
	v2Refresh = 1 << iota // only the time to live changed
	v2Prev                // there was a node before
)

// AppendV2Event appends the value of a record of TableV2Events.
func AppendV2Event(dst []byte, e *V2Event) []byte {
	flags := byte(0)
	if e.Refresh {
		flags |= v2Refresh
	}
	if e.Prev != nil {
		flags |= v2Prev
	}
	dst = append(dst, e.Action, flags)
	dst = appendText(dst, e.Key)
	dst = appendV2EventNode(dst, &e.Node)
	if e.Prev != nil {
		dst = appendV2EventNode(dst, e.Prev)
	}
	return dst
}

func appendV2EventNode(dst []byte, n *V2EventNode) []byte {
	kind := byte(0)
	if n.Dir {
		kind |= v2Dir
	}
	if n.Expiration != 0 {
		kind |= v2Expires
	}
	if n.HasValue {
		kind |= v2Value
	}
	dst = append(dst, kind)
	dst = binary.AppendUvarint(dst, n.Created)
	dst = binary.AppendUvarint(dst, n.Modified)
	if n.Expiration != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(n.Expiration))
		dst = binary.AppendUvarint(dst, uint64(n.TTL))
	}
	if n.HasValue {
		dst = appendText(dst, n.Value)
	}
	return dst
}

// appendText appends a text after its length.
func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// DecodeV2Event reads the value of a record of TableV2Events.
func DecodeV2Event(b []byte) (V2Event, error) {
	d := decoder{b: b}
	e := V2Event{Action: d.byte()}
	flags := d.byte()
	e.Refresh = flags&v2Refresh != 0
	e.Key = d.text()
	d.v2EventNode(&e.Node)
	if flags&v2Prev != 0 {
		e.Prev = &V2EventNode{}
		d.v2EventNode(e.Prev)
	}
	if d.bad || len(d.b) > 0 || flags > v2Refresh|v2Prev {
		return V2Event{}, fmt.Errorf("%w: v2 event %x (%d bytes)", ErrMalformed, b[:min(len(b), 2)], len(b))
	}
	return e, nil
}

// v2EventNode takes a node off an event's record.
func (d *decoder) v2EventNode(n *V2EventNode) {
	kind := d.byte()
	n.Dir, n.HasValue = kind&v2Dir != 0, kind&v2Value != 0
	n.Created, n.Modified = uint64(d.int64()), uint64(d.int64())
	if kind&v2Expires != 0 {
		n.Expiration, n.TTL = d.fixed64(), d.int64()
		d.bad = d.bad || n.Expiration == 0
	}
	if n.HasValue {
		n.Value = d.text()
	}
	d.bad = d.bad || kind > v2Dir|v2Expires|v2Value
}

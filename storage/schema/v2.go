package schema

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// V2Node is a node of the v2 tree: the value of a record of TableV2Nodes.
type V2Node struct {
	Dir               bool
	Created, Modified uint64 // indexes of the tree
	Expiration        int64  // nanoseconds of Unix time; 0: never
	Value             string // of a file
}

// First byte of a node's record, and of a node in an event's.
const (
	v2Dir     = 1 << iota // a directory
	v2Expires             // has an expiration
	v2Value               // events only: has a value
)

// v2NodeLenMax bounds what AppendV2Node writes before the value.
const v2NodeLenMax = 1 + 2*binary.MaxVarintLen64 + 8

// AppendV2Node appends the value of a record of TableV2Nodes.
func AppendV2Node(dst []byte, n *V2Node) []byte {
	kind := byte(0)
	if n.Dir {
		kind |= v2Dir
	}
	if n.Expiration != 0 {
		kind |= v2Expires
	}
	dst = append(dst, kind)
	dst = binary.AppendUvarint(dst, n.Created)
	dst = binary.AppendUvarint(dst, n.Modified)
	if n.Expiration != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(n.Expiration))
	}
	return append(dst, n.Value...)
}

// DecodeV2Node reads the value of a record of TableV2Nodes.
func DecodeV2Node(b []byte) (V2Node, error) {
	d := decoder{b: b}
	kind := d.byte()
	n := V2Node{Dir: kind&v2Dir != 0, Created: uint64(d.int64()), Modified: uint64(d.int64())}
	if kind&v2Expires != 0 {
		n.Expiration = d.fixed64()
		d.bad = d.bad || n.Expiration == 0
	}
	if d.bad || kind > v2Dir|v2Expires || n.Dir && len(d.b) > 0 {
		return V2Node{}, fmt.Errorf("%w: v2 node %x (%d bytes)", ErrMalformed, b[:min(len(b), v2NodeLenMax)], len(b))
	}
	n.Value = string(d.b)
	return n, nil
}

// v2Depth is the number of names in a clean path.
func v2Depth(path string) uint32 {
	if path == "/" {
		return 0
	}
	return uint32(strings.Count(path, "/"))
}

// appendV2Prefix appends what the keys of all nodes at a depth begin with.
func appendV2Prefix(dst []byte, depth uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, byte(TableV2Nodes)), depth)
}

// AppendV2NodeKey appends the physical key of a node. The depth comes before
// the path, so that the children of a directory lie side by side, in the order
// of their names, without theirs between them.
func AppendV2NodeKey(dst []byte, path string) []byte {
	dst = appendV2Prefix(dst, v2Depth(path))
	dst = append(dst, path...)
	return append(dst, Sentinel)
}

// V2NodeKeyLen is the length of what AppendV2NodeKey appends.
func V2NodeKeyLen(path string) int { return 1 + 4 + len(path) + 1 }

// DecodeV2NodeKey reads the path out of a key of TableV2Nodes; it aliases key.
func DecodeV2NodeKey(key []byte) ([]byte, error) {
	if len(key) < 7 || key[0] != byte(TableV2Nodes) || key[5] != '/' || key[len(key)-1] != Sentinel {
		return nil, fmt.Errorf("%w: v2 node key %x", ErrMalformed, key)
	}
	return key[5 : len(key)-1], nil
}

// V2Bounds returns the physical bounds of what lies under a directory, that
// many levels down: 1 for its children.
func V2Bounds(dir string, levels uint32) (lower, upper []byte) {
	depth := v2Depth(dir) + levels
	if dir == "/" {
		dir = ""
	}
	lower = append(append(appendV2Prefix(nil, depth), dir...), '/', Sentinel)
	upper = append(append(appendV2Prefix(nil, depth), dir...), '/'+1, Sentinel)
	return lower, upper
}

// AppendV2ExpiryKey appends the physical key that notes when a node expires.
// The sign is inverted, so that times before 1970 sort first.
func AppendV2ExpiryKey(dst []byte, at int64, path string) []byte {
	dst = append(dst, byte(TableV2Expiries))
	dst = binary.BigEndian.AppendUint64(dst, uint64(at)^1<<63)
	dst = append(dst, path...)
	return append(dst, Sentinel)
}

// DecodeV2ExpiryKey takes a key of TableV2Expiries apart; path aliases key.
func DecodeV2ExpiryKey(key []byte) (at int64, path []byte, err error) {
	if len(key) < 11 || key[0] != byte(TableV2Expiries) || key[len(key)-1] != Sentinel {
		return 0, nil, fmt.Errorf("%w: v2 expiry key %x", ErrMalformed, key)
	}
	return int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63), key[9 : len(key)-1], nil
}

// V2EventKeyLen is the length of a key of TableV2Events.
const V2EventKeyLen = 1 + 2 + 1

// AppendV2EventKey appends the physical key of the slot that the event of an
// index is in. It takes the place of the one that is V2EventsKept older, so
// that nothing has to be removed; which of the two is there the record says.
func AppendV2EventKey(dst []byte, index uint64) []byte {
	dst = append(dst, byte(TableV2Events))
	dst = binary.BigEndian.AppendUint16(dst, uint16(index%V2EventsKept))
	return append(dst, Sentinel)
}

// DecodeV2EventKey reads the slot out of a key of TableV2Events.
func DecodeV2EventKey(key []byte) (slot uint64, err error) {
	if len(key) != V2EventKeyLen || key[0] != byte(TableV2Events) || key[len(key)-1] != Sentinel {
		return 0, fmt.Errorf("%w: v2 event key %x", ErrMalformed, key)
	}
	if slot = uint64(binary.BigEndian.Uint16(key[1:])); slot >= V2EventsKept {
		return 0, fmt.Errorf("%w: v2 event slot %d", ErrMalformed, slot)
	}
	return slot, nil
}

// AppendV2Index appends the value of V2StateIndex.
func AppendV2Index(dst []byte, index uint64) []byte {
	return binary.BigEndian.AppendUint64(dst, index)
}

// DecodeV2Index reads the value of V2StateIndex.
func DecodeV2Index(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: v2 index %x", ErrMalformed, b)
	}
	return binary.BigEndian.Uint64(b), nil
}

package etcddb

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// bbolt writes its structures as they are in memory; on all machines that etcd
// supports that is little endian.
var order = binary.LittleEndian

// Sizes of a page's parts, and bounds of what a database may say of itself.
const (
	pageHeaderLen   = 16 // id u64, flags u16, count u16, overflow u32
	elementLen      = 16
	bucketHeaderLen = 16 // root page u64, sequence u64
	metaLen         = 64

	pageSizeMin = 1 << 10
	pageSizeMax = 1 << 16
	depthMax    = 64 // levels of a tree
)

// Flags of pages and of a leaf's elements.
const (
	flagBranch = 0x01
	flagLeaf   = 0x02
	flagMeta   = 0x04

	elementBucket = 0x01 // the element is a bucket, its value says where
)

// The first fields of a meta page's body.
const (
	metaMagic   = 0xED0CDAED
	metaVersion = 2
)

// meta is what one of a database's two meta pages says: where the tree of
// buckets begins, and how many pages there are.
type meta struct {
	pageSize int64
	root     uint64
	pages    uint64
	txid     uint64
}

// decodeMeta reads a meta page; false when it is none, or its checksum is
// wrong: the other one counts then.
func decodeMeta(page []byte) (meta, bool) {
	if len(page) < pageHeaderLen+metaLen || order.Uint16(page[8:])&flagMeta == 0 {
		return meta{}, false
	}
	b := page[pageHeaderLen:]
	sum := fnv.New64a()
	sum.Write(b[:metaLen-8])
	m := meta{
		pageSize: int64(order.Uint32(b[8:])),
		root:     order.Uint64(b[16:]),
		pages:    order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
	}
	valid := order.Uint32(b) == metaMagic && order.Uint32(b[4:]) == metaVersion &&
		order.Uint64(b[56:]) == sum.Sum64() && pageSizeMin <= m.pageSize && m.pageSize <= pageSizeMax &&
		m.pageSize&(m.pageSize-1) == 0
	return m, valid
}

// page is a branch or a leaf, its overflow pages included.
type page []byte

// leaf says whether the page holds entries; otherwise it holds pages.
func (p page) leaf() bool { return order.Uint16(p[8:])&flagLeaf != 0 }

// count is the number of its elements.
func (p page) count() int { return int(order.Uint16(p[10:])) }

// check verifies that the page is a branch or a leaf and has room for its
// elements' headers.
func (p page) check() error {
	if len(p) < pageHeaderLen {
		return fmt.Errorf("%w: page of %d bytes", ErrCorrupt, len(p))
	}
	if kind := order.Uint16(p[8:]); kind != flagBranch && kind != flagLeaf {
		return fmt.Errorf("%w: page of kind %#x", ErrCorrupt, kind)
	}
	if pageHeaderLen+p.count()*elementLen > len(p) {
		return fmt.Errorf("%w: page of %d bytes with %d elements", ErrCorrupt, len(p), p.count())
	}
	return nil
}

// child is a branch's element: the page that holds the keys from key on.
func (p page) child(i int) (key []byte, id uint64, err error) {
	at := pageHeaderLen + i*elementLen
	e := p[at:]
	key, err = p.slice(at, order.Uint32(e), order.Uint32(e[4:]))
	return key, order.Uint64(e[8:]), err
}

// entry is a leaf's element.
func (p page) entry(i int) (flags uint32, key, value []byte, err error) {
	at := pageHeaderLen + i*elementLen
	e := p[at:]
	pos, keyLen, valueLen := order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
	both, err := p.slice(at, pos, keyLen, valueLen)
	if err != nil {
		return 0, nil, nil, err
	}
	return order.Uint32(e), both[:keyLen:keyLen], both[keyLen:], nil
}

// slice is what lies pos bytes behind an element at at, for as long as the
// lengths together.
func (p page) slice(at int, pos uint32, lengths ...uint32) ([]byte, error) {
	begin := uint64(at) + uint64(pos)
	end := begin
	for _, n := range lengths {
		end += uint64(n)
	}
	if end > uint64(len(p)) {
		return nil, fmt.Errorf("%w: element beyond its page", ErrCorrupt)
	}
	return p[begin:end:end], nil
}

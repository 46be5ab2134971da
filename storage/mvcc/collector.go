package mvcc

import (
	"unsafe"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// collector copies items out of an iterator. Keys, values and the KeyValues
// themselves come out of slabs: a range of a thousand keys costs a few dozen
// allocations and not three thousand.
type collector struct {
	keysOnly bool
	charge   func(bytes int) error // RangeOptions.Charge

	kvs   []*mvccpb.KeyValue
	slab  []mvccpb.KeyValue
	bytes []byte
	size  int // bytes of keys and values collected
	owed  int // bytes that were not charged yet
}

// Slabs grow from what one key needs up to these.
const (
	slabKeysMax  = 256
	slabBytesMax = 64 << 10
)

// add copies an item. Its error is the charge's.
func (c *collector) add(it item) error {
	if len(c.slab) == 0 {
		c.slab = make([]mvccpb.KeyValue, min(max(1, len(c.kvs)), slabKeysMax))
	}
	need := len(it.key)
	if !c.keysOnly {
		need += len(it.value.Value)
	}
	if c.owed += need + keyValueBytes; c.owed >= chargeBytes {
		if err := c.settle(); err != nil {
			return err
		}
	}
	kv := &c.slab[0]
	c.slab = c.slab[1:]
	if len(c.bytes) < need {
		c.bytes = make([]byte, max(need, min(c.size, slabBytesMax)))
	}
	kv.Key = c.copy(it.key)
	if !c.keysOnly && len(it.value.Value) > 0 {
		kv.Value = c.copy(it.value.Value)
	}
	it.fill(kv)
	c.size += need
	c.kvs = append(c.kvs, kv)
	return nil
}

// keyValueBytes is what a KeyValue takes beside its key and value.
const keyValueBytes = int(unsafe.Sizeof(mvccpb.KeyValue{}) + unsafe.Sizeof(&mvccpb.KeyValue{}))

// settle charges for what was taken.
func (c *collector) settle() error {
	owed := c.owed
	c.owed = 0
	if c.charge == nil || owed == 0 {
		return nil
	}
	return c.charge(owed)
}

// copy moves b to the front of the slab and cuts it off, so that appending to
// it cannot reach its neighbor.
func (c *collector) copy(b []byte) []byte {
	n := copy(c.bytes, b)
	out := c.bytes[:n:n]
	c.bytes = c.bytes[n:]
	return out
}

// take hands out what was collected and starts anew.
func (c *collector) take() []*mvccpb.KeyValue {
	kvs := c.kvs
	c.kvs, c.size = nil, 0
	return kvs
}

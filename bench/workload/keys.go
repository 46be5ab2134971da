package workload

import (
	"fmt"
	"math"
)

// Keys names the keys of a run: decimal numbers of a fixed width below Space.
type Keys struct {
	Size       int    // bytes of a key
	Space      uint64 // how many keys there are
	Sequential bool   // operation n uses key n modulo Space, else one drawn by the seed
	Seed       uint64
}

// validate checks that Space keys of Size digits exist.
func (k Keys) validate() error {
	if k.Size < 1 || k.Space < 1 {
		return fmt.Errorf("%w: a key needs a byte and the key space a key", ErrParameters)
	}
	if k.Size < 19 && float64(k.Space) > math.Pow10(k.Size) {
		return fmt.Errorf("%w: no %d different keys of %d digits", ErrParameters, k.Space, k.Size)
	}
	return nil
}

// Index is the number of the key operation n uses.
func (k Keys) Index(n uint64) uint64 {
	if k.Sequential {
		return n % k.Space
	}
	return mix(k.Seed^mix(n)) % k.Space
}

// Fill writes the key of that number into dst, which has Size bytes.
func (k Keys) Fill(dst []byte, index uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + index%10)
		index /= 10
	}
}

// New returns the key of that number.
func (k Keys) New(index uint64) []byte {
	key := make([]byte, k.Size)
	k.Fill(key, index)
	return key
}

package allocator

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// ErrFull is when there is nothing left.
var ErrFull = errors.New("range is full")

// OutsideError tells what a range is made of to who has asked for something else.
type OutsideError string

// Error implements error.
func (e OutsideError) Error() string { return string(e) }

// Refused tells that an error is about what was asked for; otherwise the store failed.
func Refused(err error) bool {
	var outside OutsideError
	return errors.Is(err, ErrIPTaken) || errors.Is(err, ErrPortTaken) || errors.As(err, &outside)
}

// errTaken is what a table refuses; those who know the names of its offsets make their own message of it.
var errTaken = errors.New("already allocated")

// errChanged is when somebody was faster than a repair.
var errChanged = errors.New("changed meanwhile")

// table is a stored bitmap of what is taken of the offsets below size.
type table struct {
	store Store
	spec  string // what the offsets stand for, as it is stored
	size  int
	// Offsets below low are for those who ask for one: others get them only when there is nothing else.
	low int

	mu    sync.Mutex
	leaks map[int]int // offset -> how many repairs have found it taken by nobody
}

// split returns how many of the lowest offsets are left to those who ask for one: one of each step, but within bounds.
func split(size, least, most, step int) int {
	if size <= least {
		return 0
	}
	return min(max(size/step, least), most)
}

// update changes the bitmap, if it is one of this range.
func (t *table) update(ctx context.Context, change func(taken *big.Int) error) error {
	return t.store.Update(ctx, func(r *corev1.RangeAllocation) error {
		if r.Range != "" && r.Range != t.spec {
			return fmt.Errorf("the stored range %s does not match the current range %s", r.Range, t.spec)
		}
		taken := new(big.Int).SetBytes(r.Data)
		if err := change(taken); err != nil {
			return err
		}
		r.Range, r.Data = t.spec, taken.Bytes()
		return nil
	})
}

// allocate takes one offset.
func (t *table) allocate(ctx context.Context, offset int) error {
	return t.update(ctx, func(taken *big.Int) error {
		if taken.Bit(offset) == 1 {
			return errTaken
		}
		taken.SetBit(taken, offset, 1)
		return nil
	})
}

// release frees an offset, which may be free.
func (t *table) release(ctx context.Context, offset int) error {
	return t.update(ctx, func(taken *big.Int) error {
		taken.SetBit(taken, offset, 0)
		return nil
	})
}

// allocateNext takes any offset, a low one last.
func (t *table) allocateNext(ctx context.Context) (offset int, err error) {
	err = t.update(ctx, func(taken *big.Int) error {
		var found bool
		if offset, found = freeIn(taken, t.low, t.size); !found {
			if offset, found = freeIn(taken, 0, t.low); !found {
				return ErrFull
			}
		}
		taken.SetBit(taken, offset, 1)
		return nil
	})
	return offset, err
}

// freeIn returns a free offset of [from, to). It begins anywhere, so that what has just been given back isn't the next to be given.
func freeIn(taken *big.Int, from, to int) (offset int, found bool) {
	size := to - from
	if size <= 0 {
		return 0, false
	}
	start := rand.IntN(size)
	for i := range size {
		if offset = from + (start+i)%size; taken.Bit(offset) == 0 {
			return offset, true
		}
	}
	return 0, false
}

// has tells whether an offset is taken.
func (t *table) has(ctx context.Context, offset int) (bool, error) {
	r, err := t.store.Get(ctx)
	if err != nil {
		return false, err
	}
	return r.Range == t.spec && new(big.Int).SetBytes(r.Data).Bit(offset) == 1, nil
}

// free is how many offsets are not taken.
func (t *table) free(ctx context.Context) (int, error) {
	r, err := t.store.Get(ctx)
	if err != nil {
		return 0, err
	}
	n := t.size
	for taken, i := new(big.Int).SetBytes(r.Data), 0; i < t.size; i++ {
		n -= int(taken.Bit(i))
	}
	return n, nil
}

// dryRun is the table as one request sees it that changes nothing.
func (t *table) dryRun() *table {
	return &table{store: &dry{Store: t.store}, spec: t.spec, size: t.size, low: t.low}
}

package allocator

import (
	"context"
	"errors"
	"math/big"

	corev1 "k8s.io/api/core/v1"
)

const (
	// leakRounds is how many repairs must find something taken by nobody before it is free again: whoever took it may be about
	// to store its Service.
	leakRounds = 3
	// repairTries is how often a repair begins anew because requests were faster.
	repairTries = 5
)

// repair makes the table that of what is used, which list says; it also moves the table to another range. What is taken is read
// before the list is: so what was taken before is in the list or about to be, and what was taken since makes the repair begin anew.
func (t *table) repair(ctx context.Context, list func(context.Context) ([]int, error)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	for range repairTries {
		if err = t.repairOnce(ctx, list); !errors.Is(err, errChanged) {
			return err
		}
	}
	return err
}

// repairOnce returns errChanged if a request was faster.
func (t *table) repairOnce(ctx context.Context, list func(context.Context) ([]int, error)) error {
	before, err := t.store.Get(ctx)
	if err != nil {
		return err
	}
	used, err := list(ctx)
	if err != nil {
		return err
	}
	is := new(big.Int)
	for _, offset := range used {
		is.SetBit(is, offset, 1)
	}
	leaks := map[int]int{}
	if before.Range == t.spec {
		was := new(big.Int).SetBytes(before.Data)
		for leaked := was.AndNot(was, is); leaked.BitLen() > 0; {
			offset := int(leaked.TrailingZeroBits())
			leaked.SetBit(leaked, offset, 0)
			if n := t.leaks[offset] + 1; n < leakRounds && offset < t.size {
				leaks[offset] = n
				is.SetBit(is, offset, 1)
			}
		}
	}
	err = t.store.Update(ctx, func(r *corev1.RangeAllocation) error {
		if r.ResourceVersion != before.ResourceVersion {
			return errChanged
		}
		r.Range, r.Data = t.spec, is.Bytes()
		return nil
	})
	if err == nil {
		t.leaks = leaks
	}
	return err
}

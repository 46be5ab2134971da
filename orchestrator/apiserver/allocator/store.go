package allocator

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

// Where the objects are, below the apiserver's prefix. The names are upstream's.
const (
	IPsKey          = "/ranges/serviceips"
	SecondaryIPsKey = "/ranges/secondaryserviceips"
	PortsKey        = "/ranges/servicenodeports"
)

// Store keeps one object. What is not there yet reads as the zero object.
type Store interface {
	// Get reads the object as it is now.
	Get(ctx context.Context) (*corev1.RangeAllocation, error)
	// Update has change change the object and stores it if nobody has meanwhile; else change is called again with what is there.
	// An error of change ends it.
	Update(ctx context.Context, change func(*corev1.RangeAllocation) error) error
}

// stored is the Store over an apiserver's storage.
type stored struct {
	storage storage.Interface
	key     string
}

// NewStore returns the object at a key of a storage.
func NewStore(s storage.Interface, key string) Store { return &stored{s, key} }

// Get implements Store.
func (s *stored) Get(ctx context.Context) (*corev1.RangeAllocation, error) {
	r := &corev1.RangeAllocation{}
	if err := s.storage.Get(ctx, s.key, storage.GetOptions{IgnoreNotFound: true}, r); err != nil {
		return nil, fmt.Errorf("allocator: %s: %w", s.key, err)
	}
	return r, nil
}

// Update implements Store, by the storage's compare-and-swap.
func (s *stored) Update(ctx context.Context, change func(*corev1.RangeAllocation) error) error {
	const create = true
	return s.storage.GuaranteedUpdate(ctx, s.key, &corev1.RangeAllocation{}, create, nil,
		storage.SimpleUpdate(func(is runtime.Object) (runtime.Object, error) {
			r, ok := is.(*corev1.RangeAllocation)
			if !ok {
				return nil, fmt.Errorf("allocator: %s: unexpected %T", s.key, is)
			}
			return r, change(r)
		}), nil)
}

// dry is a Store that changes nothing, but shows its own changes.
type dry struct {
	Store
	changed *corev1.RangeAllocation
}

// Get implements Store.
func (d *dry) Get(ctx context.Context) (*corev1.RangeAllocation, error) {
	if d.changed == nil {
		return d.Store.Get(ctx)
	}
	return d.changed, nil
}

// Update implements Store on a copy.
func (d *dry) Update(ctx context.Context, change func(*corev1.RangeAllocation) error) error {
	is, err := d.Get(ctx)
	if err != nil {
		return err
	}
	is = is.DeepCopy()
	if err := change(is); err != nil {
		return err
	}
	d.changed = is
	return nil
}

package allocator

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

// raced is a storage of one object in which somebody else is faster once.
type raced struct {
	storage.Interface
	key    string
	object corev1.RangeAllocation
	races  int
}

func (r *raced) Get(_ context.Context, key string, o storage.GetOptions, into runtime.Object) error {
	if key != r.key || !o.IgnoreNotFound {
		return storage.NewKeyNotFoundError(key, 0)
	}
	r.object.DeepCopyInto(into.(*corev1.RangeAllocation))
	return nil
}

func (r *raced) GuaranteedUpdate(
	_ context.Context, key string, into runtime.Object, ignoreNotFound bool, _ *storage.Preconditions, update storage.UpdateFunc, _ runtime.Object,
) error {
	if key != r.key || !ignoreNotFound {
		return storage.NewKeyNotFoundError(key, 0)
	}
	for {
		next, _, err := update(r.object.DeepCopy(), storage.ResponseMeta{})
		if err != nil {
			return err
		}
		if r.races > 0 {
			r.races--
			r.object = corev1.RangeAllocation{Range: "30000-30009", Data: []byte{0b1}}
			continue
		}
		r.object = *next.(*corev1.RangeAllocation)
		r.object.ResourceVersion = strconv.Itoa(7)
		r.object.DeepCopyInto(into.(*corev1.RangeAllocation))
		return nil
	}
}

func TestStore(t *testing.T) {
	ctx := context.Background()
	s := &raced{key: PortsKey, races: 1}
	p := ports(t, 10, NewStore(s, PortsKey))
	require.NoError(t, p.Allocate(ctx, 30001))
	require.Equal(t, "30000-30009", s.object.Range)
	require.Equal(t, []byte{0b11}, s.object.Data, "what the other took is there too")
	require.ErrorIs(t, p.Allocate(ctx, 30000), ErrPortTaken)
	free, err := p.Free(ctx)
	require.NoError(t, err)
	require.Equal(t, 8, free)

	s.key = "gone"
	require.Error(t, p.Allocate(ctx, 30002))
	_, err = p.Has(ctx, 30002)
	require.ErrorContains(t, err, "allocator: /ranges/servicenodeports")
}

package storagecontract

import (
	"context"
	"errors"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage/etcd3"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	"k8s.io/apiserver/pkg/storage/value"
)

// mark begins each value in the store.
const mark = "marked:"

var errBroken = errors.New("broken for the test")

// breakableCodec decodes nothing while it is broken.
type breakableCodec struct {
	runtime.Codec
	broken atomic.Bool
}

func (c *breakableCodec) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object,
) (runtime.Object, *schema.GroupVersionKind, error) {
	if c.broken.Load() {
		return nil, nil, errBroken
	}
	return c.Codec.Decode(data, defaults, into)
}

// replaceable is the transformer that etcd3's store is given: it can't be changed there, so it passes on to one that can.
type replaceable struct {
	to atomic.Pointer[value.Transformer]
}

func newReplaceable() *replaceable {
	r := &replaceable{}
	r.replace(storagetesting.NewPrefixTransformer([]byte(mark), false))
	return r
}

// replace puts another transformer in place and returns how to undo that.
func (r *replaceable) replace(by value.Transformer) (undo func()) {
	before := r.to.Swap(&by)
	return func() { r.to.Store(before) }
}

func (r *replaceable) current() value.Transformer { return *r.to.Load() }

// prefix is the transformer that the subject begins with.
func (r *replaceable) prefix() *storagetesting.PrefixTransformer {
	return r.current().(*storagetesting.PrefixTransformer)
}

func (r *replaceable) TransformFromStorage(ctx context.Context, data []byte, at value.Context) ([]byte, bool, error) {
	return r.current().TransformFromStorage(ctx, data, at)
}

func (r *replaceable) TransformToStorage(ctx context.Context, data []byte, at value.Context) ([]byte, error) {
	return r.current().TransformToStorage(ctx, data, at)
}

// unreadable writes as another transformer does and reads nothing.
type unreadable struct{ value.Transformer }

func (unreadable) TransformFromStorage(context.Context, []byte, value.Context) ([]byte, bool, error) {
	return nil, false, errBroken
}

// breakTransformer makes what is stored unreadable, or readable again.
func (s *subject) breakTransformer(broken bool) {
	prefix := storagetesting.NewPrefixTransformer([]byte(mark), false)
	if broken {
		s.transformer.replace(unreadable{prefix})
		return
	}
	s.transformer.replace(prefix)
}

// breakCodec makes what is stored undecodable, or decodable again.
func (s *subject) breakCodec(broken bool) { s.codec.broken.Store(broken) }

// UpdatePrefixTransformer makes a subject an InterfaceWithPrefixTransformer.
func (s *subject) UpdatePrefixTransformer(modify storagetesting.PrefixTransformerModifier) func() {
	changed := *s.transformer.prefix()
	return s.transformer.replace(modify(&changed))
}

// UpdateTransformer makes a subject an InterfaceWithTransformerOverride.
func (s *subject) UpdateTransformer(modify storagetesting.TransformerModifier) func() {
	return s.transformer.replace(modify(s.transformer.current()))
}

// errCorrupt is the error of an object that can't be read. Its type is etcd3's own; only its transformer makes one.
func errCorrupt(ctx context.Context) error {
	_, _, err := etcd3.WithCorruptObjErrorHandlingTransformer(unreadable{}).TransformFromStorage(ctx, nil, nil)
	return err
}

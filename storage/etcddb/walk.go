package etcddb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Buckets are the names of the buckets, in order.
func (f *File) Buckets() (names []string, err error) {
	err = f.tree(f.meta.root, nil, func(flags uint32, key, _ []byte) error {
		if flags&elementBucket != 0 {
			names = append(names, string(key))
		}
		return nil
	})
	return names, err
}

// Walk calls fn with the entries of a bucket in order. The slices are valid
// during the call. A bucket that is missing has no entries. An error of fn
// ends the walk and is returned.
func (f *File) Walk(bucket string, fn func(key, value []byte) error) error {
	header, err := f.bucket(bucket)
	if err != nil || header == nil {
		return err
	}
	root := order.Uint64(header)
	return f.tree(root, page(header[bucketHeaderLen:]), func(flags uint32, key, value []byte) error {
		if flags&elementBucket != 0 {
			return fmt.Errorf("%w: a bucket within bucket %s", ErrCorrupt, bucket)
		}
		return fn(key, value)
	})
}

// Get is the value of one entry, a copy; nil when it is missing. It passes
// over the bucket, which must be a small one.
func (f *File) Get(bucket, key string) (value []byte, err error) {
	err = f.Walk(bucket, func(k, v []byte) error {
		if string(k) == key {
			value = append([]byte{}, v...)
		}
		return nil
	})
	return value, err
}

// bucket is a copy of a bucket's header, with the inline page that may follow
// it; nil when there is no such bucket.
func (f *File) bucket(name string) (header []byte, err error) {
	err = f.tree(f.meta.root, nil, func(flags uint32, key, value []byte) error {
		if flags&elementBucket == 0 || string(key) != name {
			return nil
		}
		if len(value) < bucketHeaderLen {
			return fmt.Errorf("%w: header of bucket %s", ErrCorrupt, name)
		}
		header = bytes.Clone(value)
		return nil
	})
	return header, err
}

// visit is given a leaf's elements.
type visit func(flags uint32, key, value []byte) error

// tree walks the tree below a page. Page 0, which is never one of a tree,
// stands for the inline page.
func (f *File) tree(root uint64, inline page, fn visit) error {
	w := &walker{f: f, fn: fn, seen: make([]uint64, f.meta.pages/64+1)}
	if root == 0 {
		if err := inline.check(); err != nil {
			return err
		}
		if !inline.leaf() {
			return fmt.Errorf("%w: an inline page that is no leaf", ErrCorrupt)
		}
		return w.entries(inline)
	}
	return w.walk(root, 0)
}

// walker is one walk over a tree.
type walker struct {
	f    *File
	fn   visit
	seen []uint64 // a bit for each page
	bufs [depthMax]page
	last []byte // the key before
	any  bool   // there was one
}

// walk visits the entries below a page.
func (w *walker) walk(id uint64, depth int) error {
	if depth == depthMax {
		return fmt.Errorf("%w: a tree of more than %d levels", ErrCorrupt, depthMax)
	}
	p, err := w.read(id, depth)
	if err != nil {
		return err
	}
	if p.leaf() {
		return w.entries(p)
	}
	for i := range p.count() {
		_, child, err := p.child(i)
		if err != nil {
			return err
		}
		if err := w.walk(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// entries visits a leaf's elements and keeps I3.
func (w *walker) entries(p page) error {
	for i := range p.count() {
		flags, key, value, err := p.entry(i)
		if err != nil {
			return err
		}
		if w.any && bytes.Compare(w.last, key) >= 0 {
			return fmt.Errorf("%w: keys out of order", ErrCorrupt)
		}
		w.last, w.any = append(w.last[:0], key...), true
		if err := w.fn(flags, key, value); err != nil {
			return err
		}
	}
	return nil
}

// read reads a page that was not visited yet into the buffer of its level.
func (w *walker) read(id uint64, depth int) (page, error) {
	size := w.f.meta.pageSize
	if id < 2 || id >= w.f.meta.pages {
		return nil, fmt.Errorf("%w: page %d of %d", ErrCorrupt, id, w.f.meta.pages)
	}
	if w.seen[id/64]&(1<<(id%64)) != 0 {
		return nil, fmt.Errorf("%w: page %d is in a tree twice", ErrCorrupt, id)
	}
	w.seen[id/64] |= 1 << (id % 64)
	p, err := w.fill(id, depth, size)
	if err != nil {
		return nil, err
	}
	if order.Uint64(p) != id {
		return nil, fmt.Errorf("%w: page %d says it is page %d", ErrCorrupt, id, order.Uint64(p))
	}
	overflow := uint64(order.Uint32(p[12:]))
	if overflow >= w.f.meta.pages-id {
		return nil, fmt.Errorf("%w: page %d is longer than the file", ErrCorrupt, id)
	}
	if overflow > 0 {
		if p, err = w.fill(id, depth, size*int64(overflow+1)); err != nil {
			return nil, err
		}
	}
	return p, p.check()
}

// fill reads n bytes at a page's place.
func (w *walker) fill(id uint64, depth int, n int64) (page, error) {
	if int64(cap(w.bufs[depth])) < n {
		w.bufs[depth] = make(page, n)
	}
	p := w.bufs[depth][:n]
	if _, err := w.f.r.ReadAt(p, int64(id)*w.f.meta.pageSize); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: cut off in page %d", ErrCorrupt, id)
		}
		return nil, err
	}
	return p, nil
}

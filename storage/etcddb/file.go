package etcddb

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// align is what the length of a database is a multiple of; etcd takes a file
// with 32 bytes more for one that ends in its SHA-256.
const align = 512

// File is an open database.
type File struct {
	r      io.ReaderAt
	length int64 // of the database, without a sum
	sum    []byte
	meta   meta
}

// New opens a database of length bytes, its SHA-256 included if it has one. It
// looks at no more than how the file begins and how long it is; VerifySum and
// reading find the rest.
func New(r io.ReaderAt, length int64) (*File, error) {
	f := &File{r: r, length: length}
	if length%align == sha256.Size {
		f.length -= sha256.Size
		f.sum = make([]byte, sha256.Size)
		if _, err := r.ReadAt(f.sum, f.length); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	if err := f.readMeta(); err != nil {
		return nil, err
	}
	if pages := uint64(f.length / f.meta.pageSize); f.meta.pages > pages {
		return nil, fmt.Errorf("%w: it ends after %d of %d pages", ErrCorrupt, pages, f.meta.pages)
	}
	return f, nil
}

// readMeta finds the newer of the two meta pages that is whole. The second
// one's place depends on the page size, which only a meta page tells.
func (f *File) readMeta() error {
	found := false
	try := func(offset int64) {
		b := make([]byte, pageHeaderLen+metaLen)
		if _, err := f.r.ReadAt(b, offset); err != nil {
			return
		}
		m, ok := decodeMeta(b)
		if ok && (offset == 0 || offset == m.pageSize) && (!found || m.txid > f.meta.txid) {
			f.meta, found = m, true
		}
	}
	try(0)
	for offset := int64(pageSizeMin); offset <= pageSizeMax && offset < f.length; offset *= 2 {
		try(offset)
	}
	if !found {
		return ErrForeign
	}
	return nil
}

// HasSum says whether the file ends in a SHA-256.
func (f *File) HasSum() bool { return f.sum != nil }

// VerifySum reads the whole file and compares its SHA-256 with the one it
// ends in: ErrNoSum, ErrSum or nil.
func (f *File) VerifySum() error {
	if !f.HasSum() {
		return ErrNoSum
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f.r, 0, f.length)); err != nil {
		return err
	}
	if got := h.Sum(nil); string(got) != string(f.sum) {
		return fmt.Errorf("%w: expected sha256 %x, got %x", ErrSum, f.sum, got)
	}
	return nil
}

// Size is the length of what the database uses of its file, as etcd reports
// it.
func (f *File) Size() int64 { return int64(f.meta.pages) * f.meta.pageSize }

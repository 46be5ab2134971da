package etcddb

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// A page of etcd's database that said it was another one ("page 5", issue 20271) ended the member by a panic of its library. The
// promise here, where such files are only read: what is damaged is refused with an error.
func TestEtcd20271(t *testing.T) {
	b := small(t)
	f, err := New(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	header, err := f.bucket(BucketKey)
	require.NoError(t, err)
	at := int64(order.Uint64(header)) * f.meta.pageSize
	order.PutUint64(b[at:], 5)
	err = everything(b)
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "says it is page 5")
}

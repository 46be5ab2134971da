package v2store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage/schema"
)

// A name in a directory that was made not long ago is known to be new without a read (the engine is nil here), until what is in
// the directory may be forgotten.
func TestNewDirectoriesAreKnownWhole(t *testing.T) {
	c := newCache(1000)
	dir := &entry{V2Node: schema.V2Node{Dir: true}, live: true}
	c.put("/d", dir)
	require.False(t, c.absent("/d/a"), "it was read, and what is in it was not")
	c.made(dir)
	e, err := c.get(nil, "/d/a")
	require.NoError(t, err)
	require.False(t, e.live)
	require.False(t, c.absent("/d/a/b"), "nothing is known of what there may be in /d/a, which is no directory")
	c.put("/d/b", &entry{V2Node: schema.V2Node{Value: string(make([]byte, 1000))}, live: true})
	c.turn()
	require.False(t, c.absent("/d/c"))
	_, err = c.get(nil, "/d")
	require.NoError(t, err)
	require.False(t, c.absent("/d/c"), "some of what is in it may be in no generation")
	c.made(dir)
	require.True(t, c.absent("/d/c"))
	dir.live = false
	require.False(t, c.absent("/d/c"))
	dir.live = true
	c.reset()
	c.put("/d", dir)
	require.False(t, c.absent("/d/c"))
}

package recent

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// newCache makes a cache that keeps something already.
func newCache[T any](keys int, bytes int64) *Cache[T] {
	c := New[T](keys, bytes)
	var zero T
	_, place := c.Find(nil)
	c.Keep(place, nil, zero, 0)
	return c
}

func TestEmpty(t *testing.T) {
	c := New[int](64, 1<<20)
	c.Forget([]byte("a"))
	_, place := c.Find([]byte("a"))
	c.Keep(place, []byte("a"), 1, 0) // makes room
	v, place := c.Find([]byte("a"))
	require.Nil(t, v)
	c.Keep(place, []byte("a"), 1, 0)
	v, _ = c.Find([]byte("a"))
	require.Equal(t, 1, *v)
}

func TestKept(t *testing.T) {
	c := newCache[int](64, 1<<20)
	key := []byte("a")
	v, place := c.Find(key)
	require.Nil(t, v)
	c.Keep(place, key, 1, 0)
	v, _ = c.Find(key)
	require.Equal(t, 1, *v)

	key[0] = 'b' // the cache has its own copy
	v, _ = c.Find(key)
	require.Nil(t, v)
	v, _ = c.Find([]byte("a"))
	require.Equal(t, 1, *v)

	c.Forget([]byte("a"))
	v, _ = c.Find([]byte("a"))
	require.Nil(t, v)
	require.Zero(t, c.bytes.Load())
}

// Whoever read before a key was forgotten cannot keep what was read, whether or not there was something to forget.
func TestOutdatedIsNotKept(t *testing.T) {
	c := newCache[int](64, 1<<20)
	key := []byte("a")
	_, place := c.Find(key)
	c.Forget(key)
	c.Keep(place, key, 1, 0)
	v, place := c.Find(key)
	require.Nil(t, v)

	c.Keep(place, key, 2, 0)
	_, place = c.Find(key)
	c.Forget(key)
	_, fresh := c.Find(key)
	c.Keep(fresh, key, 3, 0)
	c.Keep(place, key, 2, 0)
	v, _ = c.Find(key)
	require.Equal(t, 3, *v)
}

// A set that is full takes another key in place of the one that it has had longest.
func TestFullSet(t *testing.T) {
	c := newCache[int](ways, 1<<20) // one set
	for i := range 100 {
		key := fmt.Append(nil, i)
		_, place := c.Find(key)
		c.Keep(place, key, i, 0)
		for old := max(0, i-ways+1); old <= i; old++ {
			v, _ := c.Find(fmt.Append(nil, old))
			require.NotNil(t, v, "%d after %d", old, i)
			require.Equal(t, old, *v)
		}
	}
	require.Len(t, kept(c), ways)
}

func TestBytesAreBounded(t *testing.T) {
	const most = 100_000
	c := newCache[[]byte](1<<12, most)
	for i := range 10_000 {
		key := fmt.Append(nil, i)
		_, place := c.Find(key)
		c.Keep(place, key, nil, i%200)
		require.LessOrEqual(t, c.bytes.Load(), int64(most))
	}
	entries, sum := kept(c), int64(0)
	for _, e := range entries {
		sum += e.bytes
	}
	require.Greater(t, len(entries), 100)
	require.Equal(t, sum, c.Bytes())

	_, place := c.Find([]byte("large"))
	c.Keep(place, []byte("large"), nil, most/shareMax)
	v, _ := c.Find([]byte("large"))
	require.Nil(t, v, "one value does not displace all others")
}

// kept are the entries of a cache.
func kept[T any](c *Cache[T]) (all []*entry[T]) {
	sets := *c.sets.Load()
	for i := range sets {
		for w := range sets[i].ways {
			if e := sets[i].ways[w].Load(); e != nil {
				all = append(all, e)
			}
		}
	}
	return all
}

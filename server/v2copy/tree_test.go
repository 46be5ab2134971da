package v2copy

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWriteAndRead(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 600, time.UTC)
	want := &Tree{Format: Format, Index: 7, Nodes: []Node{
		{Key: "/d", Dir: true, Expiration: &at, CreatedIndex: 3, ModifiedIndex: 3},
		{Key: "/d/\"é\u2028<", Value: "a\nb", ModifiedIndex: 4},
		{Key: "/d/empty"},
	}}
	var b bytes.Buffer
	require.NoError(t, want.Write(&b))
	require.Equal(t, 5, strings.Count(b.String(), "\n"), "a line for each node")
	got, err := Read(&b)
	require.NoError(t, err)
	require.Equal(t, want, got)
	files, dirs := got.Count()
	require.Equal(t, 2, files)
	require.Equal(t, 1, dirs)
}

func TestReadRefuses(t *testing.T) {
	for name, nodes := range map[string]string{
		"no directory":      `{"key":"/a/b"}`,
		"a file around it":  `{"key":"/a"},{"key":"/a/b"}`,
		"twice":             `{"key":"/a"},{"key":"/a"}`,
		"the root":          `{"key":"/","dir":true}`,
		"relative":          `{"key":"a"}`,
		"not clean":         `{"key":"/a/../b"}`,
		"directory's value": `{"key":"/a","dir":true,"value":"v"}`,
	} {
		_, err := Read(strings.NewReader(`{"format":"` + Format + `","nodes":[` + nodes + `]}`))
		require.ErrorIs(t, err, ErrMalformed, name)
	}
	_, err := Read(strings.NewReader(`{"nodes":[]}`))
	require.ErrorIs(t, err, ErrMalformed)
}

// TestTTL rounds up what is left, and leaves out what has gone, with what is in it.
func TestTTL(t *testing.T) {
	now := time.Unix(1000, 0)
	im := &importer{now: func() time.Time { return now }}
	for left, want := range map[time.Duration]time.Duration{
		time.Nanosecond: time.Second, time.Second: time.Second, 1500 * time.Millisecond: 2 * time.Second,
	} {
		at := now.Add(left)
		got, ok := im.ttl(&Node{Expiration: &at})
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	far := now.AddDate(400, 0, 0)
	most, ok := im.ttl(&Node{Expiration: &far})
	require.True(t, ok)
	require.Greater(t, most, 290*365*24*time.Hour, "it did not overflow")
	_, ok = im.ttl(&Node{Expiration: &now})
	require.False(t, ok)
	got, ok := im.ttl(&Node{})
	require.True(t, ok)
	require.Zero(t, got)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"format":"` + Format + `","index":1,"nodes":[{"key":"/a","value":"v","expiration":"2030-01-02T03:04:05Z"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := Read(bytes.NewReader(b))
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		var again bytes.Buffer
		require.NoError(t, tree.Write(&again))
		read, err := Read(&again)
		require.NoError(t, err)
		require.Len(t, read.Nodes, len(tree.Nodes))
	})
}

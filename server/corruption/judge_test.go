package corruption

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMinority(t *testing.T) {
	g := func(hash uint32, members ...uint64) group { return group{hash, members} }
	for name, test := range map[string]struct {
		groups  []group
		members int
		wrong   []uint64
	}{
		"one of three":                  {[]group{g(1, 10, 11), g(2, 12)}, 3, []uint64{12}},
		"the leader":                    {[]group{g(1, 10), g(2, 11, 12)}, 3, []uint64{10}},
		"two of five, different":        {[]group{g(1, 10, 11, 12), g(2, 14), g(3, 13)}, 5, []uint64{13, 14}},
		"one of two":                    {[]group{g(1, 10), g(2, 11)}, 2, nil},
		"all different":                 {[]group{g(1, 10), g(2, 11), g(3, 12)}, 3, nil},
		"one away, one each":            {[]group{g(1, 10), g(2, 11)}, 3, nil},
		"half of four":                  {[]group{g(1, 10, 11), g(2, 12, 13)}, 4, nil},
		"a majority with a member away": {[]group{g(1, 10, 11, 12), g(2, 13)}, 5, []uint64{13}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.wrong, minority(test.groups, test.members)) })
	}
}

func TestDecodeAnswer(t *testing.T) {
	d, err := decodeAnswer(200, []byte(`{"header":{"revision":9},"hash":4294967295,"compact_revision":3,"hash_revision":7}`), 7)
	require.NoError(t, err)
	require.Equal(t, digest{hash: 4294967295, revision: 7, compact: 3, current: 9}, d)
	d, err = decodeAnswer(200, []byte(`{"header":{"revision":9},"hash":1,"compact_revision":-1}`), 7)
	require.NoError(t, err)
	require.EqualValues(t, 7, d.revision, "an older member does not say what it hashed")
	_, err = decodeAnswer(400, []byte("mvcc: required revision has been compacted\n"), 7)
	require.ErrorIs(t, err, errCompacted)
	_, err = decodeAnswer(400, []byte("mvcc: required revision is a future revision\n"), 7)
	require.ErrorIs(t, err, errFuture)
	_, err = decodeAnswer(412, []byte("cluster ID mismatch\n"), 7)
	require.ErrorIs(t, err, errOtherID)
	for _, bad := range []string{"", "{", `{"hash":-1}`, `[]`} {
		_, err = decodeAnswer(200, []byte(bad), 7)
		require.Error(t, err, bad)
	}
	_, err = decodeAnswer(404, nil, 7)
	require.Error(t, err)
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add(200, []byte(`{"header":{"revision":9},"hash":1,"compact_revision":3,"hash_revision":7}`))
	f.Add(400, []byte("mvcc: required revision has been compacted"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if d, err := decodeAnswer(status, body, 7); err != nil {
			require.Equal(t, digest{}, d)
		}
	})
}

package count_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/petcd/petcd/storage/count"
)

// model is the naive truth: all live keys, sorted, and the persisted runs.
type model struct {
	keys []string
	runs map[string]int64
}

func (m *model) SetRun(start []byte, n int64) error {
	m.runs[string(start)] = n
	return nil
}

func (m *model) DeleteRun(start []byte) error {
	if _, ok := m.runs[string(start)]; !ok {
		// A run that came and went within one edit was never written.
		return nil
	}
	delete(m.runs, string(start))
	return nil
}

func (m *model) within(s count.Span) []string {
	lo := sort.SearchStrings(m.keys, string(s.Lo))
	hi := len(m.keys)
	if s.Hi != nil {
		hi = sort.SearchStrings(m.keys, string(s.Hi))
	}
	if hi < lo {
		return nil
	}
	return m.keys[lo:hi]
}

func (m *model) scan(s count.Span, fn func([]byte) bool) error {
	for _, k := range m.within(s) {
		if !fn([]byte(k)) {
			break
		}
	}
	return nil
}

func (m *model) put(k string) (created bool) {
	i := sort.SearchStrings(m.keys, k)
	if i < len(m.keys) && m.keys[i] == k {
		return false
	}
	m.keys = slices.Insert(m.keys, i, k)
	return true
}

func (m *model) delete(k string) (deleted bool) {
	i := sort.SearchStrings(m.keys, k)
	if i == len(m.keys) || m.keys[i] != k {
		return false
	}
	m.keys = slices.Delete(m.keys, i, i+1)
	return true
}

// persisted loads what the model holds as written runs.
func (m *model) persisted(t require.TestingT) *count.Index {
	x, err := count.Load(func(yield func([]byte, int64) bool) {
		for _, k := range slices.Sorted(maps.Keys(m.runs)) {
			if !yield([]byte(k), m.runs[k]) {
				return
			}
		}
	})
	require.NoError(t, err)
	return x
}

// check compares x with the truth on s, and what it leaves to be scanned with
// the promised bound.
func (m *model) check(t require.TestingT, x *count.Index, s count.Span) {
	var scanned int
	n, err := x.Count(s, func(part count.Span) (int64, error) {
		k := len(m.within(part))
		scanned += k
		return int64(k), nil
	})
	require.NoError(t, err)
	require.Equal(t, int64(len(m.within(s))), n, "span %q to %q", s.Lo, s.Hi)
	require.LessOrEqual(t, scanned, 2*count.RunMax)
}

func genSpan(t *rapid.T) count.Span {
	s := count.Span{Lo: genKey(t)}
	if rapid.Bool().Draw(t, "bounded") {
		s.Hi = genKey(t)
		if rapid.IntRange(0, 9).Draw(t, "ordered") > 0 && bytes.Compare(s.Hi, s.Lo) < 0 {
			s.Lo, s.Hi = s.Hi, s.Lo
		}
	}
	return s
}

func genKey(t *rapid.T) []byte {
	switch rapid.IntRange(0, 9).Draw(t, "shape") {
	case 0:
		return []byte{}
	case 1:
		return rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "raw")
	}
	return fmt.Appendf(nil, "k%05d", rapid.IntRange(0, 20000).Draw(t, "n"))
}

// TestModel drives edits of very different sizes and shapes against the naive
// truth (I1, I2, I4), and holds on to an old index (I3).
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{runs: map[string]int64{}}
		x := count.New()
		old, oldRuns := x, runs(x)
		for range rapid.IntRange(1, 12).Draw(t, "batches") {
			e := x.Edit()
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				from := rapid.IntRange(0, 20000).Draw(t, "from")
				step := rapid.IntRange(1, 3).Draw(t, "step")
				n := rapid.IntRange(1, 4000).Draw(t, "length")
				live := rapid.IntRange(0, 2).Draw(t, "live") > 0
				for i := range n {
					k := fmt.Sprintf("k%05d", from+i*step)
					if live && m.put(k) {
						e.Add([]byte(k), +1)
					} else if !live && m.delete(k) {
						e.Add([]byte(k), -1)
					}
				}
			}
			require.Equal(t, int64(len(m.keys)), e.Total())
			s := genSpan(t)
			n, err := e.Count(s, func(part count.Span) (int64, error) { return int64(len(m.within(part))), nil })
			require.NoError(t, err)
			require.Equal(t, int64(len(m.within(s))), n)

			sealed, err := e.Seal(m.scan, m)
			require.NoError(t, err)
			require.Equal(t, oldRuns, runs(old), "an index changed")
			if rapid.Bool().Draw(t, "keep") {
				old, oldRuns = sealed, runs(sealed)
			}
			x = sealed
			if len(m.runs) > 0 || x.Total() > 0 {
				require.Equal(t, runs(x), runs(m.persisted(t)))
			}
			if rapid.Bool().Draw(t, "restart") {
				x = m.persisted(t)
			}
			for range 4 {
				m.check(t, x, genSpan(t))
			}
			for start, n := range x.Runs() {
				require.LessOrEqual(t, n, int64(count.RunMax), "run %q", start)
			}
		}
	})
}

type run struct {
	start string
	n     int64
}

func runs(x *count.Index) (all []run) {
	for s, n := range x.Runs() {
		all = append(all, run{s, n})
	}
	return all
}

// TestShrink shows that runs go away with their keys.
func TestShrink(t *testing.T) {
	m := &model{runs: map[string]int64{}}
	e := count.New().Edit()
	for i := range 200_000 {
		k := fmt.Sprintf("k%06d", i)
		m.keys = append(m.keys, k)
		e.Add([]byte(k), +1)
	}
	x, err := e.Seal(m.scan, m)
	require.NoError(t, err)
	require.Len(t, runs(x), 200_000/count.RunTarget)
	e = x.Edit()
	for i, k := range m.keys {
		if i%1000 != 0 {
			e.Add([]byte(k), -1)
		}
	}
	m.keys = slices.DeleteFunc(m.keys, func(k string) bool { return k[len(k)-3:] != "000" })
	x, err = e.Seal(m.scan, m)
	require.NoError(t, err)
	require.Len(t, runs(x), 1)
	require.Equal(t, int64(200), x.Total())
	require.Equal(t, runs(x), runs(m.persisted(t)))
}

// TestMismatch finds counts and keys that disagree.
func TestMismatch(t *testing.T) {
	m := &model{runs: map[string]int64{}}
	e := count.New().Edit()
	e.Add([]byte("a"), -1)
	_, err := e.Seal(m.scan, m)
	require.ErrorIs(t, err, count.ErrMismatch)

	e = count.New().Edit()
	for i := range count.RunMax + 1 {
		e.Add(fmt.Appendf(nil, "%d", i), +1)
	}
	_, err = e.Seal(m.scan, m) // the model holds no keys
	require.ErrorIs(t, err, count.ErrMismatch)

	for name, rows := range map[string][]run{
		"no first run": {{"a", 1}},
		"negative":     {{"", -1}},
		"unsorted":     {{"", 1}, {"b", 1}, {"a", 1}},
		"twice":        {{"", 1}, {"b", 1}, {"b", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := count.Load(func(yield func([]byte, int64) bool) {
				for _, r := range rows {
					if !yield([]byte(r.start), r.n) {
						return
					}
				}
			})
			require.ErrorIs(t, err, count.ErrMismatch)
		})
	}
}

// BenchmarkAdd is one key's coming and its persisted run, over a million keys.
func BenchmarkAdd(b *testing.B) {
	var all []run
	for i := range 2000 {
		s := fmt.Sprintf("k%06d", i*500)
		if i == 0 {
			s = ""
		}
		all = append(all, run{s, 500})
	}
	x, err := count.Load(func(yield func([]byte, int64) bool) {
		for _, r := range all {
			if !yield([]byte(r.start), r.n) {
				return
			}
		}
	})
	require.NoError(b, err)
	w := &model{runs: map[string]int64{}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := x.Edit()
		e.Add(fmt.Appendf(nil, "k%06d", i*7919%1_000_000), +1)
		_, err := e.Seal(nil, w)
		require.NoError(b, err)
	}
}

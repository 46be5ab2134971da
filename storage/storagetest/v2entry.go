package storagetest

import (
	"strings"
	"time"

	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// V2Change is an entry that changes the v2 tree.
type V2Change struct {
	Action  v2store.Action
	Request v2store.Request
}

func (e V2Change) toModel(m *Model) any { return answerOf(m.V2.Do(e.Action, e.Request)) }

func (e V2Change) toBatch(b *storage.Batch) any {
	r := e.Request
	return answerOf(b.V2().Do(e.Action, &r))
}

// V2Expire is an entry that ends what has expired in the v2 tree.
type V2Expire struct {
	Now int64
	Max int
}

func (e V2Expire) toModel(m *Model) any         { return answerOf(m.V2.Expire(e.Now, e.Max), nil) }
func (e V2Expire) toBatch(b *storage.Batch) any { return answerOf(b.V2().Expire(e.Now, e.Max)) }

// v2Epoch is about when random entries are of.
var v2Epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// RandomV2Entry draws an entry of the v2 tree.
func RandomV2Entry(s Source) Entry {
	now := v2Epoch.Add(time.Duration(s.IntN(3000)) * 100 * time.Millisecond).UnixNano()
	if s.IntN(12) == 0 {
		return V2Expire{Now: now, Max: 1 + s.IntN(6)}
	}
	r := v2store.Request{Path: RandomV2Path(s), Now: now}
	if s.IntN(4) == 0 {
		r.Expiration = now + int64(s.IntN(60_000))*int64(time.Millisecond)
	}
	if s.IntN(40) == 0 {
		r.Expiration = -int64(s.IntN(2))
	}
	value := [...]string{"", "x", "y", strings.Repeat("long", 100)}
	switch s.IntN(16) {
	case 0, 1, 2, 3, 4:
		r.Value, r.Dir = value[s.IntN(4)], s.IntN(4) == 0
		r.Refresh = s.IntN(6) == 0
		return V2Change{v2store.Set, r}
	case 5, 6:
		r.Value, r.Dir, r.Unique = value[s.IntN(4)], s.IntN(4) == 0, s.IntN(2) == 0
		return V2Change{v2store.Create, r}
	case 7, 8:
		r.Value, r.Refresh = value[s.IntN(4)], s.IntN(3) == 0
		return V2Change{v2store.Update, r}
	case 9, 10:
		r.Value, r.PrevValue, r.PrevIndex = value[s.IntN(4)], value[s.IntN(2)], uint64(s.IntN(2)*s.IntN(20))
		r.Refresh = s.IntN(4) == 0
		return V2Change{v2store.CompareAndSwap, r}
	case 11:
		r.PrevValue, r.PrevIndex = value[s.IntN(2)], uint64(s.IntN(2)*s.IntN(20))
		return V2Change{v2store.CompareAndDelete, r}
	}
	r.Dir, r.Recursive = s.IntN(2) == 0, s.IntN(2) == 0
	return V2Change{v2store.Delete, r}
}

// RandomV2Path draws a path, at times one that is not clean. Names are chosen
// to sort before and after what divides them.
func RandomV2Path(s Source) string {
	names := [...]string{"a", "b", "a-", "a.", "ab", "_h"}
	p := "/1"
	for range s.IntN(4) {
		p += "/" + names[s.IntN(len(names))]
	}
	switch s.IntN(40) {
	case 0:
		return p + "/"
	case 1:
		return "/" + p + "//a/./b/.."
	case 2:
		return "/"
	case 3:
		return "/2" + p
	}
	return p
}

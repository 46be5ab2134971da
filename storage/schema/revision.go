package schema

import (
	"cmp"
	"math"
)

// Revision orders all changes: Main is the store's revision, Sub the place of
// a change among those of the same Main, from 0.
type Revision struct {
	Main int64
	Sub  uint32
}

// Compare is -1, 0 or +1 as r is older than, equal to or newer than o.
func (r Revision) Compare(o Revision) int {
	if c := cmp.Compare(r.Main, o.Main); c != 0 {
		return c
	}
	return cmp.Compare(r.Sub, o.Sub)
}

// LastOf is the newest revision that Main can have: a seek for it finds what
// a reader at that main revision sees.
func LastOf(main int64) Revision { return Revision{Main: main, Sub: math.MaxUint32} }

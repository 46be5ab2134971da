package watch

import "github.com/petcd/petcd/storage/schema"

// span is a range of keys in the form the index compares: [lo, hi), or from
// lo on when open, or the one key lo.
type span struct {
	lo, hi string
	single bool
	open   bool
}

// newSpan reads etcd's range convention.
func newSpan(key, end []byte) (span, error) {
	s := span{lo: string(key)}
	switch {
	case len(end) == 0:
		s.single = true
	case schema.IsFromKey(end):
		s.open = true
	default:
		s.hi = string(end)
		if s.lo >= s.hi {
			return span{}, ErrEmptyRange
		}
	}
	return s, nil
}

// contains says whether key is in the span.
func (s *span) contains(key []byte) bool {
	if s.single {
		return string(key) == s.lo
	}
	return string(key) >= s.lo && (s.open || string(key) < s.hi)
}

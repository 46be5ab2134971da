package mvcc

import "context"

// count is the number of live keys in [key, end) as the view sees them.
func (v *view) count(ctx context.Context, key, end []byte) (n int64, err error) {
	err = v.scan(ctx, key, end, func(item) bool { n++; return true })
	return n, err
}

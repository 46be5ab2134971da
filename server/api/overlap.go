package api

import (
	"cmp"
	"slices"
	"sort"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// checkOverlaps refuses a transaction that would write one key twice: by two
// puts, or by a put and a delete. Which pairs count is etcd's rule, gaps
// included: a delete of "every key from here" is not compared at all, nor is a
// nested delete with the puts of nested transactions before it.
func checkOverlaps(r *pb.TxnRequest) error {
	for _, ops := range [][]*pb.RequestOp{r.GetSuccess(), r.GetFailure()} {
		if _, _, err := writes(ops); err != nil {
			return err
		}
	}
	return nil
}

// keySet is the keys some operations put.
type keySet map[string]struct{}

// writes collects what a list of operations puts and deletes, nested
// transactions included, or finds a key written twice.
func writes(ops []*pb.RequestOp) (keySet, spans, error) {
	deletes := ownDeletes(ops)
	puts := keySet{}
	for _, op := range ops {
		txn := op.GetRequestTxn()
		if txn == nil {
			continue
		}
		thenPuts, thenDeletes, err := writes(txn.GetSuccess())
		if err != nil {
			return nil, nil, err
		}
		elsePuts, elseDeletes, err := writes(txn.GetFailure())
		if err != nil {
			return nil, nil, err
		}
		if err := puts.addAll(thenPuts, nil, deletes); err != nil {
			return nil, nil, err
		}
		// Only one branch is taken, so both may put the same key.
		if err := puts.addAll(elsePuts, thenPuts, deletes); err != nil {
			return nil, nil, err
		}
		deletes = merge(merge(deletes, thenDeletes), elseDeletes)
	}
	for _, op := range ops {
		put := op.GetRequestPut()
		if put == nil {
			continue
		}
		if err := puts.add(string(put.GetKey()), deletes); err != nil {
			return nil, nil, err
		}
	}
	return puts, deletes, nil
}

// addAll adds a nested transaction's keys. Those in except may be there
// already.
func (s keySet) addAll(keys, except keySet, deletes spans) error {
	for k := range keys {
		if _, ok := except[k]; ok {
			if deletes.contain(k) {
				return rpctypes.ErrGRPCDuplicateKey
			}
			continue
		}
		if err := s.add(k, deletes); err != nil {
			return err
		}
	}
	return nil
}

// add adds a key that must be neither put nor deleted yet.
func (s keySet) add(key string, deletes spans) error {
	if _, ok := s[key]; ok || deletes.contain(key) {
		return rpctypes.ErrGRPCDuplicateKey
	}
	s[key] = struct{}{}
	return nil
}

// span is the keys from begin up to, not including, end.
type span struct{ begin, end string }

// spans are disjoint and sorted.
type spans []span

// contain tells whether key lies in one of the spans.
func (s spans) contain(key string) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].end > key })
	return i < len(s) && s[i].begin <= key
}

// ownDeletes are the spans that the operations themselves delete. An end that
// does not lie after its begin, "\x00" for no end among them, makes no span.
func ownDeletes(ops []*pb.RequestOp) spans {
	var all spans
	for _, op := range ops {
		del := op.GetRequestDeleteRange()
		if del == nil {
			continue
		}
		sp := span{string(del.GetKey()), string(del.GetRangeEnd())}
		if sp.end == "" {
			sp.end = sp.begin + "\x00"
		}
		if sp.begin < sp.end {
			all = append(all, sp)
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
	return merge(all, nil)
}

// merge is the union of two lists sorted by begin, of which the first need not
// be disjoint.
func merge(a, b spans) spans {
	if len(b) == 0 && len(a) < 2 {
		return a
	}
	out := make(spans, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].begin < a[0].begin {
			from = &b
		}
		next := (*from)[0]
		*from = (*from)[1:]
		if n := len(out); n > 0 && next.begin <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, next.end)
			continue
		}
		out = append(out, next)
	}
	return out
}

package storagetest

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/storage"
)

// Entry is one log entry's meaning.
type Entry interface {
	// toModel applies the entry and returns what it answers.
	toModel(m *Model) any
	// toBatch applies the entry and returns what it answers, in the same form.
	toBatch(b *storage.Batch) any
}

// Apply applies an entry to a batch and to a model that is in the same state,
// and requires equal answers.
func Apply(t require.TestingT, b *storage.Batch, m *Model, e Entry) {
	want, got := e.toModel(m), e.toBatch(b)
	require.Equal(t, want, got, "%T %v", e, e)
	require.Equal(t, m.Revision, b.Revision())
	require.Equal(t, m.V2.Index, b.V2().Index())
}

// Replay returns the state after the first n entries of a log.
func Replay(log []Entry, n uint64) *Model {
	m := NewModel()
	for _, e := range log[:n] {
		e.toModel(m)
	}
	return m
}

// answer is what an operation returns, in a form that can be compared.
type answer struct {
	value any
	err   string
}

// answerOf puts a value and an error into comparable form.
func answerOf(value any, err error) answer {
	if err != nil {
		return answer{err: err.Error()}
	}
	return answer{value: value}
}

// Op is one operation inside a transaction.
type Op struct {
	Kind      OpKind
	Key, End  []byte
	Value     []byte
	Lease     int64
	Limit     int64
	Back      int64 // reads: this many revisions before the newest
	CountOnly bool
	KeysOnly  bool
}

// OpKind says what an Op does.
type OpKind int

// The operations of a transaction.
const (
	OpPut OpKind = iota
	OpDelete
	OpRange
	OpGet
)

// String shows an operation in a failure.
func (o Op) String() string {
	return fmt.Sprintf("{%d %q..%q lease=%d limit=%d back=%d}", o.Kind, o.Key, o.End, o.Lease, o.Limit, o.Back)
}

// Txn is an entry of operations that share a revision.
type Txn struct{ Ops []Op }

func (e Txn) toModel(m *Model) any {
	var answers []answer
	for _, o := range e.Ops {
		switch o.Kind {
		case OpPut:
			answers = append(answers, answerOf(nil, m.put(o.Key, o.Value, o.Lease)))
		case OpDelete:
			answers = append(answers, answerOf(m.deleteRange(o.Key, o.End), nil))
		case OpRange:
			r, err := m.read(o.Key, o.End, o.rangeOptions(m.current()))
			answers = append(answers, answerOf(plainResult(r), err))
		case OpGet:
			answers = append(answers, answerOf(plain(m.at(string(o.Key), m.pending())), nil))
		}
	}
	return append(answers, answer{value: m.end()})
}

func (e Txn) toBatch(b *storage.Batch) any {
	var answers []answer
	tx := b.Begin()
	for _, o := range e.Ops {
		switch o.Kind {
		case OpPut:
			answers = append(answers, answerOf(nil, tx.Put(o.Key, o.Value, o.Lease)))
		case OpDelete:
			n, err := tx.DeleteRange(o.Key, o.End)
			answers = append(answers, answerOf(n, err))
		case OpRange:
			r, err := tx.Range(context.Background(), o.Key, o.End, o.rangeOptions(tx.Revision()))
			answers = append(answers, answerOf(plainResult(r), err))
		case OpGet:
			kv, err := tx.Get(o.Key)
			answers = append(answers, answerOf(plain(kv), err))
		}
	}
	return append(answers, answer{value: tx.End()})
}

// rangeOptions are a read's options, given the revision it counts back from.
func (o Op) rangeOptions(current int64) storage.RangeOptions {
	r := storage.RangeOptions{Limit: o.Limit, CountOnly: o.CountOnly, KeysOnly: o.KeysOnly}
	if o.Back != 0 {
		r.Revision = max(1, current-o.Back)
	}
	return r
}

// Grant is an entry that grants a lease.
type Grant struct{ ID, TTL int64 }

func (e Grant) toModel(m *Model) any         { return answerOf(nil, m.grant(e.ID, e.TTL)) }
func (e Grant) toBatch(b *storage.Batch) any { return answerOf(nil, b.LeaseGrant(e.ID, e.TTL)) }

// Checkpoint is an entry that notes a lease's remaining time.
type Checkpoint struct{ ID, Remaining int64 }

func (e Checkpoint) toModel(m *Model) any { return answerOf(nil, m.checkpoint(e.ID, e.Remaining)) }
func (e Checkpoint) toBatch(b *storage.Batch) any {
	return answerOf(nil, b.LeaseCheckpoint(e.ID, e.Remaining))
}

// Revoke is an entry that revokes a lease.
type Revoke struct{ ID int64 }

func (e Revoke) toModel(m *Model) any {
	r, err := m.revoke(e.ID)
	return answerOf(r, err)
}

func (e Revoke) toBatch(b *storage.Batch) any {
	r, err := b.LeaseRevoke(e.ID)
	return answerOf(r, err)
}

// Compact is an entry that gives up history below the revision that is Back
// before the newest.
type Compact struct{ Back int64 }

func (e Compact) toModel(m *Model) any { return answerOf(nil, m.compact(m.Revision-e.Back)) }

func (e Compact) toBatch(b *storage.Batch) any {
	_, err := b.Compact(b.Revision() - e.Back)
	return answerOf(nil, err)
}

package workload

import (
	"bytes"
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/bench/measure"
)

// History is a store that was loaded with every key once and then changed a little, so that the
// answers at the old revision and at the newest differ and both are known.
type History struct {
	Data
	Loaded  int64  // revision at which exactly all keys were there
	Deleted uint64 // the first keys, gone now
}

// Change deletes one key in a thousand, the lowest, and rewrites the next as many.
func Change(ctx context.Context, conn Conn, d Data) (History, error) {
	kv := pb.NewKVClient(conn)
	now, err := kv.Range(ctx, &pb.RangeRequest{Key: d.Keys.New(0)})
	if err != nil {
		return History{}, fmt.Errorf("workload: revision after the load: %w", err)
	}
	h := History{Data: d, Loaded: now.Header.GetRevision(), Deleted: max(1, d.Keys.Space/1000)}
	del, err := kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: d.Keys.New(0), RangeEnd: d.Keys.New(h.Deleted)})
	if err != nil {
		return History{}, fmt.Errorf("workload: delete keys: %w", err)
	}
	if del.Deleted != int64(h.Deleted) {
		return History{}, fmt.Errorf("%w: %d keys deleted instead of %d", ErrAnswer, del.Deleted, h.Deleted)
	}
	for i := h.Deleted; i < min(2*h.Deleted, d.Keys.Space); i++ {
		put := d.newPut()
		d.fillPut(put, i, d.Keys.Space+i)
		if _, err := kv.Put(ctx, put); err != nil {
			return History{}, fmt.Errorf("workload: rewrite keys: %w", err)
		}
	}
	return h, nil
}

// Question is a read whose answer is known.
type Question struct {
	Name  string
	req   *pb.RangeRequest
	count int64
	first []byte // key the page begins with; nil for a mere count
	keys  int64  // in the page
}

// Questions are what a control plane asks of a large store. Pages begin at a quarter of the keys.
func (h History) Questions(limit int64) []Question {
	all := &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, CountOnly: true}
	space := h.Keys.Space
	quarter := max(space/4, h.Deleted)
	page := func(from uint64, revision int64) *pb.RangeRequest {
		return &pb.RangeRequest{Key: h.Keys.New(from), RangeEnd: []byte{0}, Limit: limit, Revision: revision}
	}
	size := func(count uint64) int64 { return min(int64(count), limit) }
	return []Question{
		{Name: "count of everything", req: all, count: int64(space - h.Deleted)},
		{Name: "page, newest revision", req: page(quarter, 0), count: int64(space - quarter),
			first: h.Keys.New(quarter), keys: size(space - quarter)},
		{Name: "page at an old revision", req: page(0, h.Loaded), count: int64(space),
			first: h.Keys.New(0), keys: size(space)},
		{Name: "page at an old revision, from a quarter", req: page(quarter, h.Loaded), count: int64(space - quarter),
			first: h.Keys.New(quarter), keys: size(space - quarter)},
	}
}

// Answered is how a question was answered, several times over.
type Answered struct {
	First time.Duration // the first answer, with cold caches
	Rest  measure.Percentiles
	Count int64 // as answered last
	Wrong []string
}

// Ask asks the question repeats times, one after another.
func (q Question) Ask(ctx context.Context, conn Conn, repeats int) (Answered, error) {
	var a Answered
	rest := measure.NewLatencies()
	rec := rest.Recorder()
	for i := range repeats {
		began := time.Now()
		resp, err := pb.NewKVClient(conn).Range(ctx, q.req)
		took := time.Since(began)
		if err != nil {
			return a, err
		}
		if i == 0 {
			a.First = took
		} else {
			rec.Record(took)
		}
		a.Count = resp.Count
		a.Wrong = append(a.Wrong, q.wrong(resp)...)
	}
	a.Rest = rest.Percentiles()
	return a, nil
}

// wrong lists what differs from the known answer.
func (q Question) wrong(resp *pb.RangeResponse) []string {
	var bad []string
	if resp.Count != q.count {
		bad = append(bad, fmt.Sprintf("count %d, not %d", resp.Count, q.count))
	}
	if q.first == nil {
		return bad
	}
	if int64(len(resp.Kvs)) != q.keys {
		return append(bad, fmt.Sprintf("%d keys, not %d", len(resp.Kvs), q.keys))
	}
	if len(resp.Kvs) > 0 && !bytes.Equal(resp.Kvs[0].Key, q.first) {
		bad = append(bad, fmt.Sprintf("first key %q, not %q", resp.Kvs[0].Key, q.first))
	}
	if more := q.keys < q.count; resp.More != more {
		bad = append(bad, fmt.Sprintf("more is %v, not %v", resp.More, more))
	}
	return bad
}

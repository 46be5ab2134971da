package workload

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/bench/driver"
	"github.com/petcd/petcd/bench/measure"
)

// answers is a connection that gives an answer made up by the test.
type answers struct {
	grpc.ClientConnInterface
	answer func(req any) (proto.Message, error)
}

func (a answers) Invoke(_ context.Context, _ string, req, resp any, _ ...grpc.CallOption) error {
	got, err := a.answer(req)
	if err == nil {
		proto.Reset(resp.(proto.Message))
		proto.Merge(resp.(proto.Message), got)
	}
	return err
}

// small is data for a few operations.
func small() Data {
	return Data{Keys: Keys{Size: 4, Space: 50, Seed: 1}, Values: Values{Size: 32, Kind: Random, Seed: 1}}
}

// client makes one client of a workload on a connection with that answer.
func client(t *testing.T, w Workload, answer func(req any) (proto.Message, error)) driver.Client {
	t.Helper()
	clients, err := w.Clients(t.Context(), []Conn{answers{answer: answer}}, 1)
	require.NoError(t, err)
	return clients[0]
}

func TestPutWantsRisingRevisions(t *testing.T) {
	revision := int64(1)
	c := client(t, &Put{Data: small()}, func(any) (proto.Message, error) {
		return &pb.PutResponse{Header: &pb.ResponseHeader{Revision: revision}}, nil
	})
	require.NoError(t, c.Do(t.Context(), 1))
	require.ErrorIs(t, c.Do(t.Context(), 2), ErrAnswer)
	revision = 2
	require.NoError(t, c.Do(t.Context(), 3))
}

func TestRangeWantsTheValueThatWasWritten(t *testing.T) {
	d := small()
	var kvs []*mvccpb.KeyValue
	c := client(t, &Range{Data: d}, func(any) (proto.Message, error) { return &pb.RangeResponse{Kvs: kvs, Count: int64(len(kvs))}, nil })
	index := d.Keys.Index(9)
	right := &mvccpb.KeyValue{Key: d.Keys.New(index), Value: make([]byte, d.Values.Size)}
	d.Values.Fill(right.Value, index)

	kvs = []*mvccpb.KeyValue{right}
	require.NoError(t, c.Do(t.Context(), 9))
	require.ErrorIs(t, c.Do(t.Context(), 10), ErrAnswer, "another key")
	kvs = nil
	require.ErrorIs(t, c.Do(t.Context(), 9), ErrAnswer, "no key")
	right.Value[0]++
	kvs = []*mvccpb.KeyValue{right}
	require.ErrorIs(t, c.Do(t.Context(), 9), ErrAnswer, "another value")
}

func TestTxnWantsEveryAnswer(t *testing.T) {
	puts, count, succeeded, revision := 8, int64(50), true, int64(0)
	answer := func(req any) (proto.Message, error) {
		revision++
		resp := &pb.TxnResponse{Succeeded: succeeded, Header: &pb.ResponseHeader{Revision: revision}}
		if req.(*pb.TxnRequest).Success[0].GetRequestRange() != nil {
			resp.Responses = []*pb.ResponseOp{{Response: &pb.ResponseOp_ResponseRange{
				ResponseRange: &pb.RangeResponse{Count: count, Kvs: []*mvccpb.KeyValue{{}}}}}}
			return resp, nil
		}
		for range puts {
			resp.Responses = append(resp.Responses, &pb.ResponseOp{Response: &pb.ResponseOp_ResponsePut{ResponsePut: &pb.PutResponse{}}})
		}
		return resp, nil
	}
	eight := client(t, &Txn{Data: small(), Shape: EightPuts}, answer)
	require.NoError(t, eight.Do(t.Context(), 1))
	puts = 7
	require.ErrorIs(t, eight.Do(t.Context(), 2), ErrAnswer)
	puts, succeeded = 8, false
	require.ErrorIs(t, eight.Do(t.Context(), 3), ErrAnswer)

	puts, succeeded = 1, true
	mixed := client(t, &Txn{Data: small(), Shape: Mixed}, answer)
	require.NoError(t, mixed.Do(t.Context(), 2), "a put")
	require.NoError(t, mixed.Do(t.Context(), 3), "a read")
	count--
	require.ErrorIs(t, mixed.Do(t.Context(), 5), ErrAnswer, "a key is missing")
	_, err := (&Txn{Data: small(), Shape: "odd"}).Clients(t.Context(), nil, 1)
	require.ErrorIs(t, err, ErrParameters)
}

// TestLoadWritesEveryKeyOnce, each with the value of its number, and tries again what a server was too slow for.
func TestLoadWritesEveryKeyOnce(t *testing.T) {
	d := small()
	written, calls := make(chan *pb.PutRequest, 1000), 0
	conn := answers{answer: func(req any) (proto.Message, error) {
		if calls++; calls == 1 {
			return nil, status.Error(codes.Unavailable, "too slow")
		}
		resp := &pb.TxnResponse{Succeeded: true}
		for _, op := range req.(*pb.TxnRequest).Success {
			written <- proto.CloneOf(op.GetRequestPut())
			resp.Responses = append(resp.Responses, &pb.ResponseOp{})
		}
		return resp, nil
	}}
	c := &batchClient{data: d, conn: conn, batch: 7, end: 120}
	for n := range uint64(18) {
		require.NoError(t, c.Do(t.Context(), n))
	}
	close(written)
	seen, n := make(map[string]int), uint64(0)
	want := make([]byte, d.Values.Size)
	for put := range written {
		if d.Values.Fill(want, n); n < d.Keys.Space {
			require.Equal(t, d.Keys.New(n), put.Key)
		}
		require.Equal(t, want, put.Value)
		seen[string(put.Key)]++
		n++
	}
	require.EqualValues(t, 120, n)
	require.Len(t, seen, int(d.Keys.Space))
}

// TestDeliveriesCountExactly: an event too few keeps the write waiting, one too many is reported.
func TestDeliveriesCountExactly(t *testing.T) {
	var d deliveries
	d.begin()
	rec := measure.NewLatencies().Recorder()
	done := make(chan error, 1)
	go func() { done <- d.write(t.Context(), 5, 3, func() error { return nil }) }()
	require.Eventually(t, func() bool { _, there := d.pending.Load(uint64(5)); return there }, 10*time.Second, time.Millisecond)
	d.arrived(5, rec, rec)
	d.arrived(5, rec, rec)
	require.Empty(t, done)
	d.arrived(6, rec, rec)
	require.EqualValues(t, 1, d.Surplus(), "of a write that is not under way")
	d.arrived(5, rec, rec)
	require.NoError(t, <-done)
	d.arrived(5, rec, rec)
	require.EqualValues(t, 2, d.Surplus(), "after the last")

	d.fail(t.Context(), errors.New("stream ended"))
	require.ErrorContains(t, d.write(t.Context(), 7, 1, func() error { return nil }), "stream ended")
}

// TestQuestionsKnowTheirAnswers: a count, a first key, a length or a "more" that is wrong is an error.
func TestQuestionsKnowTheirAnswers(t *testing.T) {
	h := History{Data: small(), Loaded: 77, Deleted: 2}
	for _, q := range h.Questions(10) {
		right := &pb.RangeResponse{Count: q.count, More: q.keys > 0}
		for i := range q.keys {
			right.Kvs = append(right.Kvs, &mvccpb.KeyValue{Key: h.Keys.New(h.Keys.Space/4 + uint64(i))})
		}
		require.NoError(t, q.check(right), q.Name)
		for name, change := range map[string]func(*pb.RangeResponse){
			"count": func(r *pb.RangeResponse) { r.Count-- },
			"keys":  func(r *pb.RangeResponse) { r.Kvs = r.Kvs[1:] },
			"first": func(r *pb.RangeResponse) { r.Kvs[0].Key = []byte("x") },
			"more":  func(r *pb.RangeResponse) { r.More = false },
		} {
			if name != "count" && q.keys == 0 {
				continue
			}
			wrong := proto.CloneOf(right)
			change(wrong)
			require.ErrorIs(t, q.check(wrong), ErrAnswer, "%s: %s", q.Name, name)
		}
	}
}

// TestObjectsAreWrittenAsTheyWereRead: a write that does not hold is tried again with what is there, unless that cannot be.
func TestObjectsAreWrittenAsTheyWereRead(t *testing.T) {
	k := Kube{Nodes: 1, Seed: 1}
	o := &objects{values: Values{Kind: Pod}, sizes: [2]int{64, 64}, stored: &k.stored, events: &k.podEvents,
		key: func(uint64) []byte { return []byte("pod") }}
	there, tries := int64(9), 0
	conn := answers{answer: func(req any) (proto.Message, error) {
		tries++
		if expected := req.(*pb.TxnRequest).Compare[0].GetModRevision(); expected != there {
			return &pb.TxnResponse{Responses: []*pb.ResponseOp{{Response: &pb.ResponseOp_ResponseRange{
				ResponseRange: &pb.RangeResponse{Kvs: []*mvccpb.KeyValue{{ModRevision: there}}}}}}}, nil
		}
		there += 3
		return &pb.TxnResponse{Succeeded: true, Header: &pb.ResponseHeader{Revision: there}}, nil
	}}
	require.ErrorIs(t, o.update(t.Context(), conn, 1, 1), ErrAnswer, "never created")
	o.revisions.Store(uint64(1), int64(5))
	require.NoError(t, o.update(t.Context(), conn, 1, 1))
	require.Equal(t, 2, tries)
	require.EqualValues(t, 1, k.podEvents.Load())
	require.EqualValues(t, 64+len("pod"), k.Stored())
	require.ErrorIs(t, o.create(t.Context(), conn, 1), ErrAnswer, "is there already")
	require.NoError(t, o.delete(t.Context(), conn, 1))
	require.ErrorIs(t, o.delete(t.Context(), conn, 1), ErrAnswer, "gone")
}

// TestPagesMakeUpTheList: pods that are missing, twice there, or of another namespace are found.
func TestPagesMakeUpTheList(t *testing.T) {
	pages := func(keys ...[]string) Conn {
		page, total := 0, int64(0)
		for _, p := range keys {
			total += int64(len(p))
		}
		return answers{answer: func(any) (proto.Message, error) {
			resp := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: 5}, Count: total, More: page < len(keys)-1}
			for _, k := range keys[page] {
				resp.Kvs = append(resp.Kvs, &mvccpb.KeyValue{Key: []byte(podPrefix + k)})
			}
			page++
			if page == len(keys) && len(keys) > 2 {
				resp.Kvs = resp.Kvs[1:] // a pod is lost
			}
			return resp, nil
		}}
	}
	require.NoError(t, listPods(t.Context(), pages([]string{"ns-0003/a", "ns-0003/b"}, []string{"ns-0003/c"}), 3))
	require.ErrorIs(t, listPods(t.Context(), pages([]string{"ns-0003/a", "ns-0003/b"}, []string{"ns-0003/b"}), 3), ErrAnswer)
	require.ErrorIs(t, listPods(t.Context(), pages([]string{"ns-0003/a", "ns-0004/b"}), 3), ErrAnswer)
	require.ErrorIs(t, listPods(t.Context(), pages([]string{"ns-0003/a"}, []string{"ns-0003/b"}, []string{"ns-0003/c"}), 3), ErrAnswer)
}

// TestValuesEndWithTheirInstant, from which a watcher tells how long an event took.
func TestValuesEndWithTheirInstant(t *testing.T) {
	o := &objects{values: Values{Kind: Pod}, sizes: [2]int{podMin, podMax}}
	before := time.Now().UnixNano()
	v := o.value(3, 4)
	require.GreaterOrEqual(t, len(v), podMin)
	require.Less(t, len(v), podMax)
	require.GreaterOrEqual(t, int64(binary.BigEndian.Uint64(v[len(v)-stampSize:])), before)
}

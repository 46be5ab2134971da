package robustness

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// multiKeys is how many neighboring keys a transaction over several keys puts.
const multiKeys = 3

// request performs a one-key operation at a member. Nothing is retried: a request is sent once or the
// history would not know what happened.
func (t *traffic) request(ctx context.Context, member int, op Operation) (Answer, error) {
	kv := pb.NewKVClient(t.conns[member])
	key := []byte(op.Key)
	switch op.Kind {
	case Get:
		resp, err := t.read(ctx, member, op.Key)
		if err != nil {
			return Answer{}, err
		}
		return ReadAnswer(resp, resp.Header.GetRevision()), nil
	case Put:
		resp, err := kv.Put(ctx, &pb.PutRequest{Key: key, Value: []byte(op.Value)})
		if err != nil {
			return Answer{}, err
		}
		return Answer{Revision: resp.Header.GetRevision()}, nil
	case Delete:
		resp, err := kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: key})
		if err != nil {
			return Answer{}, err
		}
		return Answer{Done: resp.Deleted > 0, Revision: resp.Header.GetRevision()}, nil
	case Swap:
		resp, err := kv.Txn(ctx, SwapRequest(op))
		if err != nil {
			return Answer{}, err
		}
		if resp.Succeeded {
			return Answer{Done: true, Revision: resp.Header.GetRevision()}, nil
		}
		return ReadAnswer(resp.Responses[0].GetResponseRange(), resp.Header.GetRevision()), nil
	}
	return Answer{}, fmt.Errorf("robustness: cannot send %v", op.Kind)
}

// ReadAnswer is what a read of one key said.
func ReadAnswer(resp *pb.RangeResponse, revision int64) Answer {
	a := Answer{Revision: revision}
	if len(resp.GetKvs()) > 0 {
		kv := resp.Kvs[0]
		a.Found, a.Value, a.ModRevision = true, string(kv.Value), kv.ModRevision
	}
	return a
}

// SwapRequest puts if the key is as expected and reads it otherwise.
func SwapRequest(op Operation) *pb.TxnRequest {
	key := []byte(op.Key)
	compare := &pb.Compare{Key: key, Result: pb.Compare_EQUAL, Target: pb.Compare_VALUE,
		TargetUnion: &pb.Compare_Value{Value: []byte(op.Expect)}}
	switch {
	case op.Expect == "":
		compare.Target, compare.TargetUnion = pb.Compare_CREATE, &pb.Compare_CreateRevision{}
	case op.At != 0:
		compare.Target, compare.TargetUnion = pb.Compare_MOD, &pb.Compare_ModRevision{ModRevision: op.At}
	}
	return &pb.TxnRequest{
		Compare: []*pb.Compare{compare},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: []byte(op.Value)}}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key}}}},
	}
}

// multi puts several keys at one revision; it is recorded as a put of each, all at the same time.
func (c *client) multi() error {
	value := c.value()
	first := c.rng.IntN(c.Keys)
	req := &pb.TxnRequest{}
	var ops []Operation
	for i := range min(multiKeys, c.Keys) {
		key := c.key((first + i) % c.Keys)
		put := &pb.PutRequest{Key: []byte(key), Value: []byte(value)}
		req.Success = append(req.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}})
		ops = append(ops, Operation{Client: c.id, Kind: Put, Key: key, Value: value})
	}
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	floor := c.floor.Load()
	call := time.Since(c.began)
	resp, err := pb.NewKVClient(c.conns[c.member]).Txn(ctx, req)
	ret := time.Since(c.began)
	for i := range ops {
		ops[i].Call, ops[i].Return, ops[i].Known = call, ret, err == nil
		ops[i].Answer.Revision = resp.GetHeader().GetRevision()
	}
	c.record(floor, ops...)
	return err
}

package api

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/protobuf/proto"
)

// Short forms of operations.
func opRange(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(key)}}}
}

func opPut(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key)}}}
}

func opDelete(key, end string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
		RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)}}}
}

func opTxn(then, otherwise []*pb.RequestOp) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Success: then, Failure: otherwise}}}
}

func ops(o ...*pb.RequestOp) []*pb.RequestOp { return o }

func TestCheckRange(t *testing.T) {
	k := []byte("k")
	for name, tc := range map[string]struct {
		req  *pb.RangeRequest
		want error
	}{
		"nil":               {nil, rpctypes.ErrGRPCEmptyKey},
		"empty key first":   {&pb.RangeRequest{SortOrder: 9}, rpctypes.ErrGRPCEmptyKey},
		"order":             {&pb.RangeRequest{Key: k, SortOrder: 3}, rpctypes.ErrGRPCInvalidSortOption},
		"negative order":    {&pb.RangeRequest{Key: k, SortOrder: -1}, rpctypes.ErrGRPCInvalidSortOption},
		"target":            {&pb.RangeRequest{Key: k, SortTarget: 5}, rpctypes.ErrGRPCInvalidSortOption},
		"last valid values": {&pb.RangeRequest{Key: k, SortOrder: 2, SortTarget: 4}, nil},
	} {
		require.Equal(t, tc.want, checkRange(tc.req), name)
	}
	require.Equal(t, errStreamSort, checkRangeStream(&pb.RangeRequest{Key: k, SortOrder: pb.RangeRequest_DESCEND}))
	require.Equal(t, errStreamSort, checkRangeStream(&pb.RangeRequest{Key: k, SortTarget: pb.RangeRequest_MOD, SortOrder: pb.RangeRequest_ASCEND, MinModRevision: 1}))
	require.Equal(t, errStreamFilter, checkRangeStream(&pb.RangeRequest{Key: k, MinModRevision: 1}))
	require.NoError(t, checkRangeStream(&pb.RangeRequest{Key: k, SortOrder: pb.RangeRequest_ASCEND}))
}

func TestCheckPut(t *testing.T) {
	k, v := []byte("k"), []byte("v")
	for name, tc := range map[string]struct {
		req  *pb.PutRequest
		want error
	}{
		"nil":             {nil, rpctypes.ErrGRPCEmptyKey},
		"empty key first": {&pb.PutRequest{IgnoreValue: true, Value: v}, rpctypes.ErrGRPCEmptyKey},
		"value":           {&pb.PutRequest{Key: k, Value: v, IgnoreValue: true, IgnoreLease: true, Lease: 1}, rpctypes.ErrGRPCValueProvided},
		"lease":           {&pb.PutRequest{Key: k, IgnoreLease: true, Lease: 1}, rpctypes.ErrGRPCLeaseProvided},
		"both ignored":    {&pb.PutRequest{Key: k, IgnoreLease: true, IgnoreValue: true}, nil},
	} {
		require.Equal(t, tc.want, checkPut(tc.req), name)
	}
}

func TestCheckTxn(t *testing.T) {
	many := func(n int) []*pb.RequestOp {
		list := make([]*pb.RequestOp, n)
		for i := range list {
			list[i] = opPut(fmt.Sprint(i))
		}
		return list
	}
	for name, tc := range map[string]struct {
		req  *pb.TxnRequest
		want error
	}{
		"empty":             {&pb.TxnRequest{}, nil},
		"full":              {&pb.TxnRequest{Success: many(128), Failure: many(128)}, nil},
		"too many then":     {&pb.TxnRequest{Success: many(129)}, rpctypes.ErrGRPCTooManyOps},
		"too many else":     {&pb.TxnRequest{Failure: many(129)}, rpctypes.ErrGRPCTooManyOps},
		"too many compares": {&pb.TxnRequest{Compare: make([]*pb.Compare, 129)}, rpctypes.ErrGRPCTooManyOps},
		"compare's key":     {&pb.TxnRequest{Compare: []*pb.Compare{{}}, Success: ops(opPut(""))}, rpctypes.ErrGRPCEmptyKey},
		"op of no kind":     {&pb.TxnRequest{Success: []*pb.RequestOp{{}}}, rpctypes.ErrGRPCKeyNotFound},
		"nil op":            {&pb.TxnRequest{Failure: []*pb.RequestOp{nil}}, rpctypes.ErrGRPCKeyNotFound},
		"nested full":       {&pb.TxnRequest{Success: ops(opTxn(many(127), nil))}, nil},
		"nested too many":   {&pb.TxnRequest{Success: ops(opTxn(many(128), nil))}, rpctypes.ErrGRPCTooManyOps},
		"nested bad delete": {&pb.TxnRequest{Failure: ops(opTxn(nil, ops(opDelete("", ""))))}, rpctypes.ErrGRPCEmptyKey},
		"success first":     {&pb.TxnRequest{Success: ops(opRange("")), Failure: []*pb.RequestOp{nil}}, rpctypes.ErrGRPCEmptyKey},
	} {
		require.Equal(t, tc.want, checkTxn(tc.req, 128), name)
	}
	deep := opPut("k")
	for range 200 {
		deep = opTxn(ops(deep), nil)
	}
	require.Equal(t, rpctypes.ErrGRPCTooManyOps, checkTxn(&pb.TxnRequest{Success: ops(deep)}, 128), "depth is bounded")
}

// The expected outcomes are etcd 3.7.3's.
func TestOverlaps(t *testing.T) {
	dup := rpctypes.ErrGRPCDuplicateKey
	for name, tc := range map[string]struct {
		ops  []*pb.RequestOp
		want error
	}{
		"distinct puts":                    {ops(opPut("a"), opPut("b")), nil},
		"two puts":                         {ops(opPut("a"), opPut("a")), dup},
		"put and range":                    {ops(opPut("a"), opRange("a")), nil},
		"put and delete":                   {ops(opPut("a"), opDelete("a", "")), dup},
		"delete and put":                   {ops(opDelete("a", ""), opPut("a")), dup},
		"put in deleted range":             {ops(opDelete("a", "c"), opPut("b")), dup},
		"put at range's end":               {ops(opDelete("a", "c"), opPut("c")), nil},
		"two deletes":                      {ops(opDelete("a", "c"), opDelete("b", "d")), nil},
		"put in joined deletes":            {ops(opDelete("a", "c"), opDelete("c", "d"), opPut("c")), dup},
		"put and delete from key":          {ops(opDelete("a", "\x00"), opPut("b")), nil},
		"put and delete of empty range":    {ops(opDelete("c", "a"), opPut("b")), nil},
		"nested puts of both branches":     {ops(opTxn(ops(opPut("a")), ops(opPut("a")))), nil},
		"nested put and own put":           {ops(opTxn(ops(opPut("a")), nil), opPut("a")), dup},
		"nested put and own delete":        {ops(opTxn(nil, ops(opPut("a"))), opDelete("a", "")), dup},
		"own put and nested delete":        {ops(opPut("a"), opTxn(ops(opDelete("a", "b")), nil)), dup},
		"puts of two nested":               {ops(opTxn(ops(opPut("a")), nil), opTxn(nil, ops(opPut("a")))), dup},
		"nested delete, later nested put":  {ops(opTxn(ops(opDelete("a", "")), nil), opTxn(ops(opPut("a")), nil)), dup},
		"nested put, later nested delete":  {ops(opTxn(ops(opPut("a")), nil), opTxn(ops(opDelete("a", "")), nil)), nil},
		"nested branches put and delete":   {ops(opTxn(ops(opPut("a")), ops(opDelete("a", "")))), nil},
		"duplicate deep down":              {ops(opTxn(ops(opTxn(nil, ops(opPut("a"), opPut("a")))), nil)), dup},
		"delete deep down, put at the top": {ops(opTxn(ops(opTxn(nil, ops(opDelete("a", "c")))), nil), opPut("b")), dup},
	} {
		require.Equal(t, tc.want, checkOverlaps(&pb.TxnRequest{Success: tc.ops}), name)
		require.Equal(t, tc.want, checkOverlaps(&pb.TxnRequest{Failure: tc.ops}), name)
	}
}

// FuzzTxnChecks feeds any bytes that decode as a transaction.
func FuzzTxnChecks(f *testing.F) {
	for _, r := range []*pb.TxnRequest{
		{Success: ops(opTxn(ops(opPut("a"), opDelete("b", "c")), ops(opRange("x")))), Compare: []*pb.Compare{{Key: []byte("k")}}},
		{Failure: ops(opDelete("a", "\x00"), opPut("b"), opTxn(nil, nil))},
	} {
		data, err := proto.Marshal(r)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &pb.TxnRequest{}
		if proto.Unmarshal(data, r) != nil || checkTxn(r, 128) != nil {
			return
		}
		first := checkOverlaps(r)
		require.Equal(t, first, checkOverlaps(r), "the answer must not depend on map order")
		require.Equal(t, first, naiveOverlaps(r))
	})
}

// naiveOverlaps is checkOverlaps with lists in place of sets of spans.
func naiveOverlaps(r *pb.TxnRequest) error {
	for _, list := range [][]*pb.RequestOp{r.GetSuccess(), r.GetFailure()} {
		if _, _, ok := naiveWrites(list); !ok {
			return rpctypes.ErrGRPCDuplicateKey
		}
	}
	return nil
}

func naiveWrites(list []*pb.RequestOp) (puts map[string]bool, deletes []*pb.DeleteRangeRequest, ok bool) {
	puts = map[string]bool{}
	deleted := func(k string) bool {
		for _, d := range deletes {
			key, end := string(d.Key), string(d.RangeEnd)
			if key == k && (end == "" || key < end) || end != "" && key <= k && k < end {
				return true
			}
		}
		return false
	}
	for _, op := range list {
		if d := op.GetRequestDeleteRange(); d != nil {
			deletes = append(deletes, d)
		}
	}
	for _, op := range list {
		if op.GetRequestTxn() == nil {
			continue
		}
		p1, d1, ok1 := naiveWrites(op.GetRequestTxn().Success)
		p2, d2, ok2 := naiveWrites(op.GetRequestTxn().Failure)
		if !ok1 || !ok2 {
			return nil, nil, false
		}
		both := map[string]bool{}
		for _, p := range []map[string]bool{p1, p2} {
			for k := range p {
				if puts[k] || deleted(k) {
					return nil, nil, false
				}
				both[k] = true
			}
		}
		for k := range both {
			puts[k] = true
		}
		deletes = append(append(deletes, d1...), d2...)
	}
	for _, op := range list {
		if p := op.GetRequestPut(); p != nil {
			if k := string(p.Key); puts[k] || deleted(k) {
				return nil, nil, false
			}
			puts[string(p.Key)] = true
		}
	}
	return puts, deletes, true
}

package apply

import pb "go.etcd.io/etcd/api/v3/etcdserverpb"

// What etcd's quota reckons for a key's and a lease's own bytes.
const (
	keyOverhead   = 256
	leaseOverhead = 64
)

// Cost is the room that a request may take, in bytes, by etcd's reckoning; 0 for one that adds nothing. A txn costs its
// dearer branch.
func Cost(r *pb.InternalRaftRequest) int64 {
	switch {
	case r.Put != nil:
		return putCost(r.Put)
	case r.Txn != nil:
		return txnCost(r.Txn, 0)
	case r.LeaseGrant != nil:
		return leaseOverhead
	}
	return 0
}

func putCost(p *pb.PutRequest) int64 {
	return int64(keyOverhead + len(p.GetKey()) + len(p.GetValue()))
}

func txnCost(t *pb.TxnRequest, depth int) int64 {
	if depth > nestingMax {
		return 0
	}
	return max(opsCost(t.GetSuccess(), depth), opsCost(t.GetFailure(), depth))
}

func opsCost(ops []*pb.RequestOp, depth int) (sum int64) {
	for _, op := range ops {
		switch o := op.GetRequest().(type) {
		case *pb.RequestOp_RequestPut:
			sum += putCost(o.RequestPut)
		case *pb.RequestOp_RequestTxn:
			sum += txnCost(o.RequestTxn, depth+1)
		}
	}
	return sum
}

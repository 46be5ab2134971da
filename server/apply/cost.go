package apply

import (
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage/v2store"
)

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

// v2Keys is where the v2 tree has clients' keys. What is beside it, users and roles, costs nothing, as those of API 3.
const v2Keys = "/1"

// V2Cost is Cost for a request of API 2: 0 for one that deletes, or only gives a key more time. The directories above the key
// count as if all were missing.
func V2Cost(r *v2pb.Request) int64 {
	if r.Method != "PUT" && r.Method != "POST" || !strings.HasPrefix(r.Path, v2Keys) {
		return 0
	}
	if action, req := v2Change(r); action != v2store.Create && req.Refresh {
		return 0
	}
	return keyOverhead + int64(len(r.Path)+len(r.Val)) + V2DirectoryBytes(r.Path)
}

// V2DirectoryBytes is the length of the paths of all directories above a path, together.
func V2DirectoryBytes(path string) (sum int64) {
	for i := range len(path) {
		if path[i] == '/' {
			sum += int64(i)
		}
	}
	return sum
}

package apply

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/auth"
	"github.com/petcd/petcd/storage"
)

// LeaseKeys tells the keys that are attached to a lease; none when there is no such lease.
type LeaseKeys func(id int64) ([][]byte, error)

// guard tells why whoever made an entry may not do it, by the users and roles as of the entry. The API has checked who
// asks, but rules may have changed since: every member decides here, and all decide alike.
func (a *Applier) guard(b *storage.Batch, r *pb.InternalRaftRequest) error {
	if a.cfg.Auth == nil {
		return nil
	}
	v := a.cfg.Auth.NextView()
	if !v.Enabled() {
		return nil
	}
	c := auth.Caller{Name: r.GetHeader().GetUsername(), Revision: r.GetHeader().GetAuthRevision()}
	switch {
	case r.Put != nil:
		return checkPutPermission(v, c, r.Put, b.LeaseKeys)
	case r.Txn != nil:
		return CheckTxnPermission(v, c, r.Txn, b.LeaseKeys)
	case r.Range != nil:
		return v.MayRead(c, r.Range.GetKey(), r.Range.GetRangeEnd())
	case r.DeleteRange != nil:
		return checkDeletePermission(v, c, r.DeleteRange)
	case r.LeaseRevoke != nil:
		return CheckLeaseWrites(v, c, r.LeaseRevoke.GetID(), b.LeaseKeys)
	case IsAuthChange(r), r.AuthUserList != nil, r.AuthRoleList != nil:
		return v.MayAdministrate(c)
	case r.AuthUserGet != nil:
		if r.AuthUserGet.GetName() == c.Name {
			return nil
		}
		return v.MayAdministrate(c)
	case r.AuthRoleGet != nil:
		if v.HasRole(c.Name, r.AuthRoleGet.GetRole()) {
			return nil
		}
		return v.MayAdministrate(c)
	}
	// The rest is let in by the API alone, as in etcd, or made by the members themselves.
	return nil
}

// checkPutPermission tells why c may not make a put.
func checkPutPermission(v *auth.View, c auth.Caller, r *pb.PutRequest, keys LeaseKeys) error {
	if err := v.MayWrite(c, r.GetKey(), nil); err != nil {
		return err
	}
	// Who could not end a lease must not attach keys to it: they would end with the others'.
	if id := r.GetLease(); id != 0 {
		if err := CheckLeaseWrites(v, c, id, keys); err != nil {
			return err
		}
	}
	if r.GetPrevKv() {
		return v.MayRead(c, r.GetKey(), nil)
	}
	return nil
}

func checkDeletePermission(v *auth.View, c auth.Caller, r *pb.DeleteRangeRequest) error {
	if err := v.MayWrite(c, r.GetKey(), r.GetRangeEnd()); err != nil {
		return err
	}
	if r.GetPrevKv() {
		return v.MayRead(c, r.GetKey(), r.GetRangeEnd())
	}
	return nil
}

// CheckTxnPermission tells why c may not make a txn. All of it counts: both branches, and nested txns at any depth.
func CheckTxnPermission(v *auth.View, c auth.Caller, txn *pb.TxnRequest, keys LeaseKeys) error {
	return checkTxnPermission(v, c, txn, keys, 0)
}

func checkTxnPermission(v *auth.View, c auth.Caller, txn *pb.TxnRequest, keys LeaseKeys, depth int) error {
	if depth > nestingMax {
		return errNesting
	}
	for _, cmp := range txn.GetCompare() {
		if err := v.MayRead(c, cmp.GetKey(), cmp.GetRangeEnd()); err != nil {
			return err
		}
	}
	for _, ops := range [][]*pb.RequestOp{txn.GetSuccess(), txn.GetFailure()} {
		for _, op := range ops {
			if err := checkOpPermission(v, c, op, keys, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkOpPermission(v *auth.View, c auth.Caller, op *pb.RequestOp, keys LeaseKeys, depth int) error {
	switch o := op.GetRequest().(type) {
	case *pb.RequestOp_RequestRange:
		return v.MayRead(c, o.RequestRange.GetKey(), o.RequestRange.GetRangeEnd())
	case *pb.RequestOp_RequestPut:
		return checkPutPermission(v, c, o.RequestPut, keys)
	case *pb.RequestOp_RequestDeleteRange:
		return checkDeletePermission(v, c, o.RequestDeleteRange)
	case *pb.RequestOp_RequestTxn:
		return checkTxnPermission(v, c, o.RequestTxn, keys, depth+1)
	}
	return nil
}

// CheckLeaseWrites tells why c may not write all keys of a lease.
func CheckLeaseWrites(v *auth.View, c auth.Caller, id int64, keys LeaseKeys) error {
	return checkLease(v, c, id, keys, v.MayWrite)
}

// CheckLeaseReads tells why c may not read all keys of a lease.
func CheckLeaseReads(v *auth.View, c auth.Caller, id int64, keys LeaseKeys) error {
	return checkLease(v, c, id, keys, v.MayRead)
}

// checkLease checks each of a lease's keys. Root is let in without a look at them.
func checkLease(v *auth.View, c auth.Caller, id int64, keys LeaseKeys, may func(c auth.Caller, key, end []byte) error) error {
	if v.MayAdministrate(c) == nil {
		return nil
	}
	attached, err := keys(id)
	if err != nil {
		return err
	}
	for _, key := range attached {
		if err := may(c, key, nil); err != nil {
			return err
		}
	}
	return nil
}

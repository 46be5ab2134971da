package storagetest

import (
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/petcd/petcd/storage"
)

// plainKV is a KeyValue without what protobuf keeps beside the fields, so that
// two can be compared.
type plainKV struct {
	Key, Value                  string
	Create, Mod, Version, Lease int64
}

// plain strips a KeyValue; nil is the zero plainKV.
func plain(kv *mvccpb.KeyValue) plainKV {
	return plainKV{
		Key: string(kv.GetKey()), Value: string(kv.GetValue()), Create: kv.GetCreateRevision(),
		Mod: kv.GetModRevision(), Version: kv.GetVersion(), Lease: kv.GetLease(),
	}
}

// plainRange is a RangeResult with plain keys.
type plainRange struct {
	KVs      []plainKV
	Count    int64
	More     bool
	Revision int64
}

// plainResult strips a result; nil is the zero plainRange.
func plainResult(r *storage.RangeResult) plainRange {
	if r == nil {
		return plainRange{}
	}
	p := plainRange{Count: r.Count, More: r.More, Revision: r.Revision}
	for _, kv := range r.KVs {
		p.KVs = append(p.KVs, plain(kv))
	}
	return p
}

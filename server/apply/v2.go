package apply

import (
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/v2pb"
	"github.com/petcd/petcd/storage"
	"github.com/petcd/petcd/storage/v2store"
)

// V2ExpireMax is how many nodes of the v2 tree one SYNC ends at most, so that no entry holds up those behind it. The leader
// proposes another for the rest.
const V2ExpireMax = 10_000

// ApplyV2 is Apply for an entry of API 2. Of API 3's rules only those about space concern it: both APIs' keys lie on one disk.
// Reads are no entries: QGET, which etcd wrote to its log, has no effect.
func (a *Applier) ApplyV2(b *storage.Batch, r *v2pb.Request) (*Result, error) {
	cost := V2Cost(r)
	if cost > 0 && a.alarms.has(pb.AlarmType_NOSPACE) {
		return &Result{Err: ErrNoSpace}, nil
	}
	event, err := V2(b.V2(), r)
	res := &Result{Event: event, Err: err}
	if errors.Is(err, ErrUnknownRequest) {
		a.cfg.Logger.Error("ignored a log entry of unknown method", "method", r.Method)
	}
	var refusal *v2store.Error
	if res.Err != nil && !errors.As(res.Err, &refusal) && !errors.Is(res.Err, ErrUnknownRequest) {
		return nil, fmt.Errorf("apply: %w", res.Err)
	}
	return a.charge(cost, res), nil
}

// V2 makes the change that a request of API 2 asks for. The error is *v2store.Error when the tree refuses it.
func V2(w *v2store.Writer, r *v2pb.Request) (*v2store.Event, error) {
	switch r.Method {
	case "POST", "PUT", "DELETE":
		action, req := v2Change(r)
		return w.Do(action, &req)
	case "SYNC":
		_, err := w.Expire(r.Time, V2ExpireMax)
		return nil, err
	case "QGET":
		return nil, nil
	}
	return nil, ErrUnknownRequest
}

// v2Change says which change a request asks for.
func v2Change(r *v2pb.Request) (v2store.Action, v2store.Request) {
	refresh := r.Refresh != nil && *r.Refresh
	req := v2store.Request{
		Path: r.Path, Value: r.Val, Dir: r.Dir, Recursive: r.Recursive, Refresh: refresh,
		PrevValue: r.PrevValue, PrevIndex: r.PrevIndex,
		Expiration: r.Expiration, Now: r.Time,
	}
	compares := req.PrevValue != "" || req.PrevIndex != 0
	switch {
	case r.Method == "POST":
		req.Unique, req.Refresh = true, false
		return v2store.Create, req
	case r.Method == "DELETE" && compares:
		return v2store.CompareAndDelete, req
	case r.Method == "DELETE":
		return v2store.Delete, req
	case r.PrevExist != nil && !*r.PrevExist:
		req.Refresh = false
		return v2store.Create, req
	case compares:
		return v2store.CompareAndSwap, req
	case r.PrevExist != nil:
		return v2store.Update, req
	}
	return v2store.Set, req
}

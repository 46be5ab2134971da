package apply

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/membership"
	"github.com/petcd/petcd/storage"
)

// alarms are the alarms that are raised, ordered by type and member. The slice is replaced, never modified.
type alarms struct {
	raised atomic.Pointer[[]*pb.AlarmMember]
}

// list returns the alarms of one type, or all of them for NONE.
func (a *alarms) list(kind pb.AlarmType) []*pb.AlarmMember {
	p := a.raised.Load()
	if p == nil {
		return nil
	}
	if kind == pb.AlarmType_NONE {
		return *p
	}
	var some []*pb.AlarmMember
	for _, m := range *p {
		if m.Alarm == kind {
			some = append(some, m)
		}
	}
	return some
}

// has tells whether any member raised an alarm of one type.
func (a *alarms) has(kind pb.AlarmType) bool {
	p := a.raised.Load()
	if p == nil {
		return false
	}
	return slices.ContainsFunc(*p, func(m *pb.AlarmMember) bool { return m.Alarm == kind })
}

// find is the position of an alarm, or the one where it belongs.
func (a *alarms) find(m *pb.AlarmMember) (int, bool) {
	return slices.BinarySearchFunc(a.list(pb.AlarmType_NONE), m, func(x, y *pb.AlarmMember) int {
		return cmp.Or(cmp.Compare(x.Alarm, y.Alarm), cmp.Compare(x.MemberID, y.MemberID))
	})
}

// load reads the alarms that a store holds.
func (a *alarms) load(r membership.Reader) error {
	records, err := r.Records(storage.TableAlarms)
	if err != nil {
		return fmt.Errorf("apply: read alarms: %w", err)
	}
	var loaded []*pb.AlarmMember
	for _, rec := range records {
		m, err := DecodeAlarmKey(rec.Key)
		if err != nil {
			return err
		}
		loaded = append(loaded, m)
	}
	a.raised.Store(&loaded) // keys are in the order of find
	return nil
}

// DecodeAlarmKey is the alarm that a record of storage.TableAlarms stands for.
func DecodeAlarmKey(key []byte) (*pb.AlarmMember, error) {
	if len(key) != 12 {
		return nil, fmt.Errorf("%w: alarm %x", membership.ErrCorrupt, key)
	}
	kind, id := binary.BigEndian.Uint32(key), binary.BigEndian.Uint64(key[4:])
	return &pb.AlarmMember{MemberID: id, Alarm: pb.AlarmType(kind)}, nil
}

// AlarmKey is an alarm's key in storage.TableAlarms, whose value is empty: type, then member, so that a scan is in the order
// of find.
func AlarmKey(m *pb.AlarmMember) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(m.Alarm)), m.MemberID)
}

// alarm answers an alarm request. Raising what is raised answers with it; lowering what is not answers with nothing.
func (a *Applier) alarm(b *storage.Batch, req *pb.AlarmRequest) *Result {
	resp := &pb.AlarmResponse{Header: header(b.Revision())}
	m := &pb.AlarmMember{MemberID: req.GetMemberID(), Alarm: req.GetAlarm()}
	i, raised := a.alarms.find(m)
	all := a.alarms.list(pb.AlarmType_NONE)
	switch req.GetAction() {
	case pb.AlarmRequest_GET:
		resp.Alarms = a.alarms.list(req.GetAlarm())
	case pb.AlarmRequest_ACTIVATE:
		if m.Alarm == pb.AlarmType_NONE {
			break
		}
		resp.Alarms = []*pb.AlarmMember{m}
		if !raised {
			if err := b.SetRecord(storage.TableAlarms, AlarmKey(m), []byte{}); err != nil {
				return &Result{Err: err}
			}
			all = slices.Insert(slices.Clone(all), i, m)
			a.alarms.raised.Store(&all)
		}
	case pb.AlarmRequest_DEACTIVATE:
		if raised {
			resp.Alarms = []*pb.AlarmMember{m}
			if err := b.DeleteRecord(storage.TableAlarms, AlarmKey(m)); err != nil {
				return &Result{Err: err}
			}
			all = slices.Delete(slices.Clone(all), i, i+1)
			a.alarms.raised.Store(&all)
		}
	}
	return &Result{Resp: resp}
}

package printer

import (
	"bytes"
	"fmt"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// simple is the format without -w: keys and values on lines of their own,
// lists as lines of comma separated cells, changes as one sentence.
type simple struct{ o Options }

func (s *simple) Print(reply any) error {
	if health, ok := reply.([]EndpointHealth); ok {
		return s.health(health)
	}
	var b bytes.Buffer
	if _, lines, ok := rows(reply); ok {
		for _, line := range lines {
			fmt.Fprintln(&b, strings.Join(line, ", "))
		}
		return flush(s.o.Out, &b)
	}
	switch r := reply.(type) {
	case *clientv3.PutResponse:
		s.put(&b, (*pb.PutResponse)(r))
	case *clientv3.GetResponse:
		s.get(&b, (*pb.RangeResponse)(r))
	case *clientv3.DeleteResponse:
		s.del(&b, (*pb.DeleteRangeResponse)(r))
	case *clientv3.TxnResponse:
		s.txn(&b, (*pb.TxnResponse)(r))
	case *clientv3.WatchResponse:
		s.watch(&b, r)
	case *clientv3.LeaseGrantResponse:
		fmt.Fprintf(&b, "lease %016x granted with TTL(%ds)\n", r.ID, r.TTL)
	case *clientv3.LeaseKeepAliveResponse:
		fmt.Fprintf(&b, "lease %016x keepalived with TTL(%d)\n", r.ID, r.TTL)
	case *clientv3.LeaseLeasesResponse:
		fmt.Fprintf(&b, "found %d leases\n", len(r.Leases))
		for _, l := range r.Leases {
			fmt.Fprintf(&b, "%016x\n", l.ID)
		}
	case TimeToLive:
		s.timeToLive(&b, r)
	case MemberAdded:
		s.memberAdded(&b, r)
	case *clientv3.AlarmResponse:
		for _, a := range (*pb.AlarmResponse)(r).GetAlarms() {
			fmt.Fprintln(&b, alarmText(a))
		}
	case Done:
		fmt.Fprintln(&b, r.Text)
	default:
		if !s.auth(&b, reply) {
			return unsupported("simple")
		}
	}
	return flush(s.o.Out, &b)
}

func (s *simple) put(b *bytes.Buffer, r *pb.PutResponse) {
	fmt.Fprintln(b, "OK")
	if r.GetPrevKv() != nil {
		s.kv(b, r.GetPrevKv())
	}
}

func (s *simple) get(b *bytes.Buffer, r *pb.RangeResponse) {
	for _, kv := range r.GetKvs() {
		s.kv(b, kv)
	}
}

func (s *simple) del(b *bytes.Buffer, r *pb.DeleteRangeResponse) {
	fmt.Fprintln(b, r.GetDeleted())
	for _, kv := range r.GetPrevKvs() {
		s.kv(b, kv)
	}
}

func (s *simple) txn(b *bytes.Buffer, r *pb.TxnResponse) {
	if r.GetSucceeded() {
		fmt.Fprintln(b, "SUCCESS")
	} else {
		fmt.Fprintln(b, "FAILURE")
	}
	for _, op := range r.GetResponses() {
		fmt.Fprintln(b)
		switch v := op.GetResponse().(type) {
		case *pb.ResponseOp_ResponsePut:
			s.put(b, v.ResponsePut)
		case *pb.ResponseOp_ResponseRange:
			s.get(b, v.ResponseRange)
		case *pb.ResponseOp_ResponseDeleteRange:
			s.del(b, v.ResponseDeleteRange)
		case *pb.ResponseOp_ResponseTxn:
			s.txn(b, v.ResponseTxn)
		}
	}
}

func (s *simple) watch(b *bytes.Buffer, r *clientv3.WatchResponse) {
	for _, e := range r.Events {
		fmt.Fprintln(b, e.GetType())
		if e.GetPrevKv() != nil {
			s.kv(b, e.GetPrevKv())
		}
		s.kv(b, e.GetKv())
	}
}

// kv writes a key and its value, each on its line, as they are or as \x1f
// escapes.
func (s *simple) kv(b *bytes.Buffer, kv *mvccpb.KeyValue) {
	if !s.o.ValueOnly {
		s.bytes(b, kv.GetKey())
	}
	s.bytes(b, kv.GetValue())
}

func (s *simple) bytes(b *bytes.Buffer, p []byte) {
	if !s.o.Hex {
		b.Write(p)
	} else {
		for _, c := range p {
			fmt.Fprintf(b, `\x%02x`, c)
		}
	}
	b.WriteByte('\n')
}

func (s *simple) timeToLive(b *bytes.Buffer, t TimeToLive) {
	r := t.Response
	if r.GrantedTTL == 0 && r.TTL == -1 {
		fmt.Fprintf(b, "lease %016x already expired\n", r.ID)
		return
	}
	fmt.Fprintf(b, "lease %016x granted with TTL(%ds), remaining(%ds)", r.ID, r.GrantedTTL, r.TTL)
	if t.WithKeys {
		fmt.Fprintf(b, ", attached keys(%s)", r.Keys)
	}
	fmt.Fprintln(b)
}

// memberAdded ends with the settings to start the new member with, in the form
// of environment variables.
func (s *simple) memberAdded(b *bytes.Buffer, a MemberAdded) {
	r := (*pb.MemberAddResponse)(a.Response)
	role := ""
	if r.GetMember().GetIsLearner() {
		role = "as learner "
	}
	fmt.Fprintf(b, "Member %16x added %sto cluster %16x\n\n", r.GetMember().GetID(), role, r.GetHeader().GetClusterId())

	var cluster []string
	for _, m := range r.GetMembers() {
		name := m.GetName()
		if m.GetID() == r.GetMember().GetID() {
			name = a.Name
		}
		for _, u := range m.GetPeerURLs() {
			cluster = append(cluster, name+"="+u)
		}
	}
	fmt.Fprintf(b, "ETCD_NAME=%q\n", a.Name)
	fmt.Fprintf(b, "ETCD_INITIAL_CLUSTER=%q\n", strings.Join(cluster, ","))
	fmt.Fprintf(b, "ETCD_INITIAL_ADVERTISE_PEER_URLS=%q\n", a.PeerURLs)
	fmt.Fprintf(b, "ETCD_INITIAL_CLUSTER_STATE=%q\n", "existing")
}

// health tells the two outcomes apart by stream, so that a script that reads
// only the output sees only healthy endpoints.
func (s *simple) health(endpoints []EndpointHealth) error {
	for _, e := range endpoints {
		var err error
		if e.Error == "" {
			_, err = fmt.Fprintf(s.o.Out, "%s is healthy: successfully committed proposal: took = %v\n", e.Endpoint, e.Took)
		} else {
			_, err = fmt.Fprintf(s.o.Err, "%s is unhealthy: failed to commit proposal: %v\n", e.Endpoint, e.Error)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// alarmText is the alarm in protobuf's text form, with the fields that are set.
// It is written by hand because the protobuf module varies its spaces from
// build to build.
func alarmText(a *pb.AlarmMember) string {
	var set []string
	if a.GetMemberID() != 0 {
		set = append(set, fmt.Sprintf("memberID:%d", a.GetMemberID()))
	}
	if a.GetAlarm() != pb.AlarmType_NONE {
		set = append(set, "alarm:"+a.GetAlarm().String())
	}
	return strings.Join(set, " ")
}

package printer

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func printed(t *testing.T, format string, o Options, reply any) (out, err string) {
	var stdout, stderr bytes.Buffer
	o.Out, o.Err = &stdout, &stderr
	p, newErr := New(format, o)
	require.NoError(t, newErr)
	require.NoError(t, p.Print(reply))
	return stdout.String(), stderr.String()
}

func TestTableIsAsWideAsItsWidestCell(t *testing.T) {
	out, _ := printed(t, "table", Options{}, []EndpointHealth{
		{Endpoint: "a", Health: true, Took: "1ms"},
		{Endpoint: "日本", Error: "no"},
	})
	require.Equal(t, `
┌──────────┬────────┬──────┬───────┐
│ ENDPOINT │ HEALTH │ TOOK │ ERROR │
├──────────┼────────┼──────┼───────┤
│        a │   true │  1ms │       │
│     日本 │  false │      │    no │
└──────────┴────────┴──────┴───────┘
`, "\n"+out)
}

func TestUnhealthyEndpointsGoToStandardError(t *testing.T) {
	out, err := printed(t, "simple", Options{}, []EndpointHealth{
		{Endpoint: "a", Health: true, Took: "1ms"}, {Endpoint: "b", Error: "no"},
	})
	require.Equal(t, "a is healthy: successfully committed proposal: took = 1ms\n", out)
	require.Equal(t, "b is unhealthy: failed to commit proposal: no\n", err)
}

func TestAlarmsInEveryFormat(t *testing.T) {
	alarms := &clientv3.AlarmResponse{
		Header: &pb.ResponseHeader{ClusterId: 1, MemberId: 2, RaftTerm: 3},
		Alarms: []*pb.AlarmMember{{MemberID: 0xab, Alarm: pb.AlarmType_NOSPACE}},
	}
	for format, want := range map[string]string{
		"simple": "memberID:171 alarm:NOSPACE\n",
		"json":   `{"header":{"cluster_id":1,"member_id":2,"raft_term":3},"alarms":[{"memberID":171,"alarm":1}]}` + "\n",
		"fields": "\"ClusterID\" : 1\n\"MemberID\" : 2\n\"RaftTerm\" : 3\n\"MemberID\" : 171\n\"AlarmType\" : NOSPACE\n\n",
	} {
		out, _ := printed(t, format, Options{}, alarms)
		require.Equal(t, want, out, format)
	}
	out, _ := printed(t, "fields", Options{Hex: true}, alarms)
	require.Contains(t, out, "\"MemberID\" : ab\n")
}

// A server that does not know its size must not make the status fail.
func TestStatusWithoutSize(t *testing.T) {
	status := []EndpointStatus{{Endpoint: "a", Status: &clientv3.StatusResponse{Header: &pb.ResponseHeader{MemberId: 1}, Version: "3.4.0"}}}
	out, _ := printed(t, "simple", Options{}, status)
	require.Equal(t, "a, 1, 3.4.0, , 0 B, 0 B, 0%, 0 B, false, false, 0, 0, 0, , , false\n", out)
}

func TestSnapshotStatusInEveryFormat(t *testing.T) {
	status := SnapshotStatus{Hash: 0xa16977bc, Revision: 5, TotalKey: 1, TotalSize: 20480, Version: "3.7.0"}
	for format, want := range map[string]string{
		"simple": "a16977bc, 5, 1, 20 kB, 3.7.0\n",
		"json":   `{"hash":2708043708,"revision":5,"totalKey":1,"totalSize":20480,"version":"3.7.0"}` + "\n",
		"fields": "\"Hash\" : 2708043708\n\"Revision\" : 5\n\"Keys\" : 1\n\"Size\" : 20480\n\"Version\" : 3.7.0\n",
	} {
		out, _ := printed(t, format, Options{}, status)
		require.Equal(t, want, out, format)
	}
	out, _ := printed(t, "table", Options{}, status)
	require.Contains(t, out, "│ a16977bc │        5 │          1 │      20 kB │   3.7.0 │\n")
}

func TestUnsupportedPrintsNothing(t *testing.T) {
	for _, format := range []string{"simple", "fields", "table", "protobuf"} {
		var out bytes.Buffer
		p, err := New(format, Options{Out: &out, Err: &out})
		require.NoError(t, err)
		err = p.Print(struct{ Unknown string }{})
		require.ErrorIs(t, err, ErrUnsupported)
		require.EqualError(t, err, format+" not supported as output format")
		require.Empty(t, out.String())
	}
	_, err := New("yaml", Options{})
	require.ErrorIs(t, err, ErrUnknownFormat)
}

// One reply is one write, so that replies of several watches never mix (P1).
func TestOneReplyIsOneWrite(t *testing.T) {
	resp := &clientv3.GetResponse{}
	for _, k := range []string{"a", "b", "c"} {
		resp.Kvs = append(resp.Kvs, &mvccpb.KeyValue{Key: []byte(k)})
	}
	for _, format := range Formats() {
		if format == "table" {
			continue
		}
		var w countingWriter
		p, err := New(format, Options{Out: &w})
		require.NoError(t, err)
		require.NoError(t, p.Print(resp))
		require.Equal(t, 1, w.writes, format)
	}
}

type countingWriter struct{ writes int }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.writes++
	return len(p), nil
}

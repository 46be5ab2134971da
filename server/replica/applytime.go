package replica

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// applyTimes observes how long entries take, by the kind of their request and by outcome. The apply goroutine owns it.
type applyTimes struct {
	vec *prometheus.HistogramVec
	ops map[string]*[2]prometheus.Observer // failed, succeeded
}

// newApplyTimes makes etcd's histogram.
func newApplyTimes(reg prometheus.Registerer) *applyTimes {
	t := &applyTimes{
		vec: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "etcd_server_apply_duration_seconds",
			Help:    "Time to apply one entry to its batch; the batch's commit comes after it and is in etcd_disk_backend_commit_duration_seconds.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 20),
		}, []string{"version", "op", "success"}),
		ops: map[string]*[2]prometheus.Observer{},
	}
	register(reg, t.vec)
	return t
}

// observe counts one entry of API 3.
func (t *applyTimes) observe(r *pb.InternalRaftRequest, err error, took time.Duration) {
	t.observeOp("v3", opName(r), err, took)
}

// observeOp counts one entry. The names of operations differ between the versions of the API.
func (t *applyTimes) observeOp(version, op string, err error, took time.Duration) {
	o := t.ops[op]
	if o == nil {
		o = &[2]prometheus.Observer{t.vec.WithLabelValues(version, op, "false"), t.vec.WithLabelValues(version, op, "true")}
		t.ops[op] = o
	}
	succeeded := 0
	if err == nil {
		succeeded = 1
	}
	o[succeeded].Observe(took.Seconds())
}

// opName is etcd's name of the kind of a request: that of the field which holds it. The frequent kinds spare the search.
func opName(r *pb.InternalRaftRequest) string {
	switch {
	case r.Put != nil:
		return "Put"
	case r.Txn != nil:
		return "Txn"
	case r.DeleteRange != nil:
		return "DeleteRange"
	}
	name := "Unknown"
	r.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if f.Message() == nil || f.Name() == "header" {
			return true
		}
		name = camelCase(string(f.Name()))
		return false
	})
	return name
}

// camelCase makes LeaseGrant of lease_grant.
func camelCase(s string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(s, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

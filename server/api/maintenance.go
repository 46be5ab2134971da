package api

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/petcd/petcd/server/config"
	"github.com/petcd/petcd/server/version"
)

// maintenanceService is etcdserverpb.Maintenance.
type maintenanceService struct {
	*Server
	pb.UnsafeMaintenanceServer
}

// Alarm lists, raises or lowers alarms.
func (s *maintenanceService) Alarm(ctx context.Context, r *pb.AlarmRequest) (*pb.AlarmResponse, error) {
	if err := s.admitAlarm(ctx, r); err != nil {
		return nil, wire(err)
	}
	return propose[*pb.AlarmResponse](ctx, s.Server, &pb.InternalRaftRequest{Alarm: r}, s.metrics.requests.alarm)
}

// Status describes this member. Its header's revision and the indexes are of
// one moment only roughly.
func (s *maintenanceService) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	st := s.replica.Status()
	total, inUse := s.replica.Store().Size()
	resp := &pb.StatusResponse{
		Header:           s.header(),
		Version:          version.Server,
		DbSize:           total,
		DbSizeInUse:      inUse,
		DbSizeQuota:      s.quotaBytes,
		Leader:           st.Leader,
		RaftIndex:        st.CommitIndex,
		RaftTerm:         st.Term,
		RaftAppliedIndex: st.AppliedIndex,
		IsLearner:        st.IsLearner,
		StorageVersion:   version.Storage,
		DowngradeInfo:    s.downgradeInfo(),
	}
	if resp.DbSizeQuota == 0 {
		resp.DbSizeQuota = config.DefaultQuotaBytes
	}
	if st.Leader == 0 {
		resp.Errors = append(resp.Errors, rpctypes.ErrNoLeader.Error())
	}
	for _, a := range s.replica.Alarms(pb.AlarmType_NONE) {
		resp.Errors = append(resp.Errors, a.String())
	}
	return resp, nil
}

// defragmentMax bounds how long a defragmentation keeps its caller waiting.
const defragmentMax = 4 * time.Second

// Defragment gives the space of deleted records back, for as long as
// defragmentMax allows: what is left the engine does by itself. Unlike in etcd
// reads and writes go on.
func (s *maintenanceService) Defragment(ctx context.Context, _ *pb.DefragmentRequest) (*pb.DefragmentResponse, error) {
	if s.unhealthyOnDefragment {
		s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
		defer s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	}
	start := time.Now()
	s.metrics.defragmenting.Inc()
	defer func() {
		s.metrics.defragmenting.Dec()
		s.metrics.defragments.Observe(time.Since(start).Seconds())
	}()
	s.logger.Info("starting defragment; it blocks nobody, and is not needed: space comes back in the background by itself")
	bounded, cancel := context.WithTimeout(ctx, defragmentMax)
	defer cancel()
	err := s.replica.Store().Defragment(bounded)
	if err != nil && (bounded.Err() == nil || ctx.Err() != nil) {
		s.logger.Warn("failed to defragment", "error", err)
		return nil, wire(err)
	}
	s.logger.Info("finished defragment")
	return &pb.DefragmentResponse{}, nil
}

// Hash hashes everything this member stores. Members of one cluster differ.
func (s *maintenanceService) Hash(context.Context, *pb.HashRequest) (*pb.HashResponse, error) {
	hash, err := s.replica.Store().Hash()
	if err != nil {
		return nil, wire(err)
	}
	return &pb.HashResponse{Header: s.header(), Hash: hash}, nil
}

// HashKV hashes the history of keys up to a revision. Members that applied it
// agree.
func (s *maintenanceService) HashKV(ctx context.Context, r *pb.HashKVRequest) (*pb.HashKVResponse, error) {
	hash, current, compacted, revision, err := s.replica.Store().HashKV(ctx, r.Revision)
	if err != nil {
		return nil, wire(err)
	}
	resp := &pb.HashKVResponse{
		Header:          &pb.ResponseHeader{Revision: current},
		Hash:            hash,
		CompactRevision: compacted,
		HashRevision:    revision,
	}
	s.fill(resp.Header)
	return resp, nil
}

// MoveLeader hands leadership over; only the leader can.
func (s *maintenanceService) MoveLeader(ctx context.Context, r *pb.MoveLeaderRequest) (*pb.MoveLeaderResponse, error) {
	if st := s.replica.Status(); st.Leader != st.MemberID {
		return nil, rpctypes.ErrGRPCNotLeader
	}
	if err := s.replica.MoveLeader(ctx, r.TargetID); err != nil {
		return nil, wire(err)
	}
	return &pb.MoveLeaderResponse{}, nil
}

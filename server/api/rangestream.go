package api

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/petcd/petcd/server/apply"
	"github.com/petcd/petcd/storage"
)

// RangeStream answers a range in parts. All of them are of one revision. Only
// the last part has a header, the count and whether there is more; its revision
// is the store's when the stream began.
func (s *kvService) RangeStream(r *pb.RangeRequest, stream pb.KV_RangeStreamServer) error {
	if err := checkRangeStream(r); err != nil {
		return err
	}
	ctx := stream.Context()
	if !r.Serializable {
		if err := s.replica.ReadBarrier(ctx); err != nil {
			return wire(err)
		}
	}
	passed, err := s.allowed(ctx, unexpired(reads(r.Key, r.RangeEnd)))
	if err != nil {
		return wire(err)
	}
	// Nothing is sent that was read under other users and roles than those that let the caller in.
	send := func(resp *pb.RangeResponse) error {
		if !s.unchanged(passed) {
			return rpctypes.ErrGRPCAuthOldRevision
		}
		return stream.Send(&pb.RangeStreamResponse{RangeResponse: resp})
	}
	if r.CountOnly {
		resp, err := apply.Range(ctx, s.replica.Store(), r)
		if err != nil {
			return wire(err)
		}
		s.fillIDs(resp.Header)
		return send(resp)
	}
	// A part is held back until the next one shows that it is not the last.
	var held []*mvccpb.KeyValue
	o := storage.RangeOptions{Revision: max(r.Revision, 0), Limit: max(r.Limit, 0), KeysOnly: r.KeysOnly}
	res, err := s.replica.Store().Stream(ctx, r.Key, r.RangeEnd, o, s.requestBytesMax, func(kvs []*mvccpb.KeyValue) error {
		if r.KeysOnly {
			apply.StripValues(kvs, true)
		}
		part := held
		held = kvs
		if part == nil {
			return nil
		}
		return send(&pb.RangeResponse{Kvs: part})
	})
	if err != nil {
		return wire(err)
	}
	last := &pb.RangeResponse{
		Header: &pb.ResponseHeader{Revision: res.Revision},
		Kvs:    held,
		More:   res.More,
		Count:  res.Count,
	}
	s.fillIDs(last.Header)
	return send(last)
}

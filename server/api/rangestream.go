package api

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

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
	if r.CountOnly {
		resp, err := apply.Range(ctx, s.replica.Store(), r)
		if err != nil {
			return wire(err)
		}
		s.fillIDs(resp.Header)
		return stream.Send(&pb.RangeStreamResponse{RangeResponse: resp})
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
		return stream.Send(&pb.RangeStreamResponse{RangeResponse: &pb.RangeResponse{Kvs: part}})
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
	return stream.Send(&pb.RangeStreamResponse{RangeResponse: last})
}

package api

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// sendFragments sends a response that may be larger than a client takes, in
// parts below bytesMax where events allow it. All but the last are marked. An
// event is never split, so one that is too large travels alone.
func sendFragments(resp *pb.WatchResponse, bytesMax int, send func(*pb.WatchResponse) error) error {
	if len(resp.Events) < 2 || proto.Size(resp) < bytesMax {
		return send(resp)
	}
	rest := resp.Events
	for len(rest) > 0 {
		part := &pb.WatchResponse{
			Header:          resp.Header,
			WatchId:         resp.WatchId,
			Created:         resp.Created,
			Canceled:        resp.Canceled,
			CompactRevision: resp.CompactRevision,
			CancelReason:    resp.CancelReason,
			Fragment:        true,
		}
		n := fitting(rest, proto.Size(part), bytesMax)
		part.Events, rest = rest[:n], rest[n:]
		part.Fragment = len(rest) > 0
		if err := send(part); err != nil {
			return err
		}
	}
	return nil
}

// eventTag is the size of the tag before each event of a WatchResponse.
var eventTag = protowire.SizeTag(11)

// fitting is how many events, at least one, fit into a response whose other
// fields take size bytes.
func fitting(events []*mvccpb.Event, size, bytesMax int) int {
	for i, ev := range events {
		size += eventTag + protowire.SizeBytes(proto.Size(ev))
		if i > 0 && size >= bytesMax {
			return i
		}
	}
	return len(events)
}

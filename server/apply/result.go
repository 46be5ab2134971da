package apply

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/petcd/petcd/storage/v2store"
)

// Result is the answer to one entry. Resp is the response message of the request's kind, with only the revision of its
// header filled in; it is nil when Err is not.
type Result struct {
	Resp proto.Message
	Err  error
	// Done closes when a compaction is physically done; nil for everything else.
	Done <-chan struct{}
	// Event is the answer to an entry of API 2, in place of Resp.
	Event *v2store.Event
}

func header(revision int64) *pb.ResponseHeader { return &pb.ResponseHeader{Revision: revision} }

package robustness

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

// convergeTimeout bounds how long members may take to apply what is committed.
const convergeTimeout = 30 * time.Second

// converge waits until every member has applied the newest revision, and compares their HashKV at
// it. It returns that revision. No writes may be under way.
func converge(ctx context.Context, conns []*grpc.ClientConn) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, convergeTimeout)
	defer cancel()
	revision, err := currentRevision(ctx, conns[0])
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDiverged, err)
	}
	for i, conn := range conns {
		if err := awaitRevision(ctx, conn, revision); err != nil {
			return 0, fmt.Errorf("%w: member %d: %w", ErrDiverged, i, err)
		}
	}
	return revision, compareHashes(ctx, conns, revision)
}

// currentRevision is the cluster's, by a linearizable read.
func currentRevision(ctx context.Context, conn *grpc.ClientConn) (int64, error) {
	resp, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: []byte("revision")})
	if err != nil {
		return 0, fmt.Errorf("read the newest revision: %w", err)
	}
	return resp.Header.GetRevision(), nil
}

// awaitRevision waits until the member itself has applied the revision.
func awaitRevision(ctx context.Context, conn *grpc.ClientConn, revision int64) error {
	for {
		resp, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: []byte("revision"), Serializable: true})
		if err == nil && resp.Header.GetRevision() == revision {
			return nil
		}
		if err == nil && resp.Header.GetRevision() > revision {
			return fmt.Errorf("is at revision %d, past the cluster's %d", resp.Header.GetRevision(), revision)
		}
		if !wait(ctx, 10*time.Millisecond) {
			return fmt.Errorf("does not reach revision %d (%d, %w)", revision, resp.GetHeader().GetRevision(), err)
		}
	}
}

// compareHashes asks every member for the hash of the same revision.
func compareHashes(ctx context.Context, conns []*grpc.ClientConn, revision int64) error {
	var first *pb.HashKVResponse
	for i, conn := range conns {
		got, err := pb.NewMaintenanceClient(conn).HashKV(ctx, &pb.HashKVRequest{Revision: revision})
		if err != nil {
			return fmt.Errorf("%w: hash of member %d at revision %d: %w", ErrDiverged, i, revision, err)
		}
		if first == nil {
			first = got
		}
		if got.Hash != first.Hash || got.CompactRevision != first.CompactRevision {
			return fmt.Errorf("%w: at revision %d member 0 has hash %d (compacted at %d), member %d %d (%d)",
				ErrDiverged, revision, first.Hash, first.CompactRevision, i, got.Hash, got.CompactRevision)
		}
	}
	return nil
}

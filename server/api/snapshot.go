package api

import (
	"bytes"
	"crypto/sha256"
	"io"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/petcd/petcd/server/version"
)

// snapshotPart is how much of a snapshot one message carries, as in etcd.
const snapshotPart = 32 * 1024

// Snapshot streams the whole store as petcd's archive, then, as the last
// message, the SHA-256 of what was streamed, as etcd does: its clients take a
// file for whole when its length modulo 512 is a digest's. remaining_bytes
// counts the archive down to 0; the digest is not in it.
func (s *maintenanceService) Snapshot(_ *pb.SnapshotRequest, stream pb.Maintenance_SnapshotServer) error {
	snap, err := s.replica.Store().Snapshot()
	if err != nil {
		return wire(err)
	}
	defer func() {
		if err := snap.Close(); err != nil {
			s.logger.Warn("failed to close snapshot", "error", err.Error())
		}
	}()
	start := time.Now()
	s.logger.Info("sending database snapshot to client", "total-bytes", snap.Size(), "storage-version", version.Storage)

	out := &snapshotSender{stream: stream, remaining: snap.Size()}
	digest := sha256.New()
	if _, err := snap.WriteTo(io.MultiWriter(digest, out)); err != nil {
		return wire(err)
	}
	if err := out.flush(); err != nil {
		return wire(err)
	}
	if err := stream.Send(&pb.SnapshotResponse{Blob: digest.Sum(nil), Version: version.Storage}); err != nil {
		return wire(err)
	}
	s.logger.Info("successfully sent database snapshot to client",
		"total-bytes", snap.Size(), "took", time.Since(start).String(), "storage-version", version.Storage)
	return nil
}

// snapshotSender cuts what is written into messages.
type snapshotSender struct {
	stream    pb.Maintenance_SnapshotServer
	remaining int64
	part      bytes.Buffer
}

// Write sends every full part.
func (w *snapshotSender) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := min(snapshotPart-w.part.Len(), len(p))
		w.part.Write(p[:n])
		p = p[n:]
		if w.part.Len() == snapshotPart {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

// flush sends what is there. gRPC may still read a sent message, so its bytes
// are copied out (I4).
func (w *snapshotSender) flush() error {
	if w.part.Len() == 0 {
		return nil
	}
	w.remaining -= int64(w.part.Len())
	resp := &pb.SnapshotResponse{
		RemainingBytes: uint64(max(w.remaining, 0)),
		Blob:           bytes.Clone(w.part.Bytes()),
		Version:        version.Storage,
	}
	w.part.Reset()
	return w.stream.Send(resp)
}

package lessor

import (
	"context"
	"errors"
	"io"
	"net/http"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Paths of the peer port on which members ask the leader, as in etcd.
const (
	keepAlivePath  = "/leases"
	timeToLivePath = "/leases/internal"
)

// requestBytesMax bounds a question's encoding: an id and a flag.
const requestBytesMax = 4 << 10

// PeerHandlers answer members' questions about leases, keyed by path. They never pass a question on.
func (l *Lessor) PeerHandlers() map[string]http.Handler {
	return map[string]http.Handler{
		keepAlivePath:  http.HandlerFunc(l.serveKeepAlive),
		timeToLivePath: http.HandlerFunc(l.serveTimeToLive),
	}
}

func (l *Lessor) serveKeepAlive(w http.ResponseWriter, r *http.Request) {
	l.serve(w, r, func(ctx context.Context, body []byte) ([]byte, error) {
		req := &pb.LeaseKeepAliveRequest{}
		if err := proto.Unmarshal(body, req); err != nil {
			return nil, errMalformed
		}
		ttl, err := l.renew(ctx, req.ID)
		if err != nil {
			return nil, err
		}
		return proto.Marshal(&pb.LeaseKeepAliveResponse{ID: req.ID, TTL: ttl})
	})
}

func (l *Lessor) serveTimeToLive(w http.ResponseWriter, r *http.Request) {
	l.serve(w, r, func(ctx context.Context, body []byte) ([]byte, error) {
		req := &pb.LeaseTimeToLiveRequest{}
		if err := unwrap(body, req); err != nil {
			return nil, errMalformed
		}
		resp, err := l.timeToLive(ctx, req.ID, req.Keys)
		if err != nil {
			return nil, err
		}
		return wrap(resp)
	})
}

// errMalformed is the refusal of a question that cannot be read.
var errMalformed = errors.New("error unmarshalling request")

// serve reads a question, has it answered, and turns errors into etcd's statuses.
func (l *Lessor) serve(w http.ResponseWriter, r *http.Request, answer func(context.Context, []byte) ([]byte, error)) {
	if r.Method != http.MethodPost {
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestBytesMax))
	if err != nil {
		http.Error(w, "error reading body", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), l.cfg.RequestTimeout)
	defer cancel()
	b, err := answer(ctx, body)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/protobuf")
		_, _ = w.Write(b)
	case errors.Is(err, ErrNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, ErrNotPrimary), errors.Is(err, errMalformed):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		http.Error(w, err.Error(), http.StatusRequestTimeout)
	}
}

// wrap encodes m as field 1 of a message: etcd's LeaseInternalRequest and LeaseInternalResponse, which no public package
// has.
func wrap(m proto.Message) ([]byte, error) {
	b, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b), nil
}

// unwrap decodes what wrap encoded, passing over other fields.
func unwrap(b []byte, m proto.Message) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if number == 1 && kind == protowire.BytesType {
			inner, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			return proto.Unmarshal(inner, m)
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
	}
	return errMalformed
}

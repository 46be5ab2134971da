package v2http

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/petcd/petcd/server/replica"
	"github.com/petcd/petcd/storage/v2store"
)

// namespace is where the tree has what clients keep; they never see it.
const namespace = "/1"

// serveKeys answers a request for a key: parse, ask the guard, do it.
func (h *Handler) serveKeys(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "HEAD", "GET", "PUT", "POST", "DELETE") {
		return
	}
	h.nameCluster(w)
	start := time.Now()
	k, refused := h.parseKeyRequest(w, r, start)
	if refused != nil {
		refused.write(w)
		return
	}
	if !h.auth.Allows(r, r.URL.Path[len(keysPath):], k.req.Recursive, !reads(r)) {
		refusal(codeUnauthorized, "Insufficient credentials").write(w)
		return
	}
	if err := replica.CheckV2Path(k.req.Path); err != nil {
		keyErrorOf(err).write(w)
		return
	}
	if k.watches() {
		h.serveWatch(w, r, k)
		return
	}
	method := k.method()
	h.metrics.received.WithLabelValues(method).Inc()
	event, err := h.do(r, k)
	if err != nil {
		refused := keyErrorOf(err)
		if refused.Code == codeRaft {
			h.logger.Warn("v2 response error", "method", method, "internal-server-error", refused.Cause)
		}
		h.metrics.failed.WithLabelValues(method, strconv.Itoa(refused.status())).Inc()
		refused.write(w)
		return
	}
	h.writeEvent(w, event, k.noValue)
	h.metrics.seconds.WithLabelValues(method).Observe(time.Since(start).Seconds())
}

// do makes the request's change, or reads.
func (h *Handler) do(r *http.Request, k *keyRequest) (*v2store.Event, error) {
	if !reads(r) {
		return h.member.ProposeV2(r.Context(), k.req)
	}
	if k.linearizable() {
		if err := h.member.ReadBarrier(r.Context()); err != nil {
			return nil, err
		}
	}
	return h.member.Get(k.req.Path, k.req.Recursive, time.Now())
}

// setIndexes says in an answer's header how far tree and log are.
func (h *Handler) setIndexes(w http.ResponseWriter, index uint64) {
	s := h.member.Status()
	values := [...]string{
		"application/json", strconv.FormatUint(index, 10), strconv.FormatUint(s.CommitIndex, 10), strconv.FormatUint(s.Term, 10),
	}
	header := w.Header()
	for i, name := range [...]string{"Content-Type", "X-Etcd-Index", "X-Raft-Index", "X-Raft-Term"} {
		header[name] = values[i : i+1 : i+1]
	}
}

// lines are buffers for answers that net/http copies.
var lines = sync.Pool{New: func() any { return new(make([]byte, 0, bufferedMax)) }}

// writeEvent answers with an event; without its nodes if the client wants to know only that its write was made.
func (h *Handler) writeEvent(w http.ResponseWriter, event *v2store.Event, noValue bool) {
	h.setIndexes(w, event.Index)
	if event.Created() {
		w.WriteHeader(http.StatusCreated)
	}
	buf := lines.Get().(*[]byte)
	defer lines.Put(buf)
	line, err := appendEvent((*buf)[:0], event, noValue && writes(event.Action))
	switch {
	case err != nil:
	case len(line) <= bufferedMax:
		*buf = line
		_, err = w.Write(line)
	default:
		_, err = h.patience(w).Write(line)
		// The connection may carry other requests after this one.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
	h.answered(err)
}

// sendEvent writes an event's line, and reports whether the client took it. The last deadline stays.
func (h *Handler) sendEvent(w http.ResponseWriter, event *v2store.Event) bool {
	var buf [1024]byte
	line, err := appendEvent(buf[:0], event, false)
	if err == nil {
		_, err = h.patience(w).Write(line)
	}
	return h.answered(err)
}

// writes tells whether an action leaves a value, which noValueOnSuccess leaves out of the answer.
func writes(a v2store.Action) bool {
	return a == v2store.Set || a == v2store.CompareAndSwap || a == v2store.Create || a == v2store.Update
}

// encode writes a value as a line of JSON. It reports whether the client took it.
func (h *Handler) encode(w http.ResponseWriter, v any) bool {
	return h.answered(json.NewEncoder(w).Encode(v))
}

// answered notes why an answer could not be written, if so.
func (h *Handler) answered(err error) bool {
	if err != nil {
		h.logger.Debug("could not answer a client", "error", err)
	}
	return err == nil
}

package rpc

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// head is what the header fields of a call say. A client's calls of one method nearly always say the same, but for their time
// limits, so a connection keeps each method's last head and compares.
type head struct {
	fields []hpack.HeaderField // all but the time limit
	ctx    context.Context     // of the call: knows peer and metadata
	method *method

	subtype      string              // of the content; the answer's is the same
	compression  string              // of the messages; "" if there is none
	compressor   encoding.Compressor // for it
	refusal      *status.Status      // why the call is not made
	refusalsHTTP int                 // HTTP's status for that
	malformed    bool                // it is no request at all
}

// headOf is the head that the fields say. They are the reader's, and copied if they are kept.
func (c *conn) headOf(fields []hpack.HeaderField) *head {
	path, size := "", 0
	for _, f := range fields {
		size += int(f.Size())
		if f.Name == ":path" {
			path = f.Value
		}
	}
	if h := c.heads[path]; h != nil && slices.EqualFunc(h.fields, fields, sameField) {
		return h
	}
	h := &head{fields: slices.Clone(fields), method: c.server.methods[path]}
	if !wellFormed(fields) {
		h.malformed = true
		return h
	}
	h.read()
	h.ctx = metadata.NewIncomingContext(c.ctx, h.metadata())
	if h.refusal == nil && h.method == nil {
		h.refuse(http.StatusOK, c.server.unknown(path))
	}
	if h.method != nil && size <= cachedHead {
		c.heads[h.method.path] = h
	}
	return h
}

// sameField compares what counts.
func sameField(a, b hpack.HeaderField) bool { return a.Name == b.Name && a.Value == b.Value }

// refuse notes the first reason not to make the call.
func (h *head) refuse(http int, why *status.Status) {
	if h.refusal == nil {
		h.refusal, h.refusalsHTTP = why, http
	}
}

// read makes sense of the fields, with grpc-go's refusals in grpc-go's order.
func (h *head) read() {
	var verb, other string
	var authorities, hosts int
	var malformed *status.Status
	isGRPC := false
	for _, f := range h.fields {
		switch f.Name {
		case ":method":
			verb = f.Value
		case ":authority":
			authorities++
		case "host":
			hosts++
		case "grpc-encoding":
			h.compression = f.Value
		case "content-type":
			if subtype, ok := subtypeOf(f.Value); ok {
				isGRPC, h.subtype = true, subtype
			} else {
				other = f.Value
			}
		}
		if _, err := fieldValue(f); err != nil {
			malformed = status.Newf(codes.Internal, "malformed binary metadata %q in header %q: %v", f.Value, f.Name, err)
		}
	}
	if authorities > 1 || hosts > 1 {
		h.refuse(http.StatusBadRequest, status.Newf(codes.Internal,
			"num values of :authority: %v, num values of host: %v, both must only have 1 value as per HTTP/2 spec", authorities, hosts))
	}
	if !isGRPC {
		h.refuse(http.StatusUnsupportedMediaType, status.Newf(codes.InvalidArgument, "invalid gRPC request content-type %q", other))
	}
	if malformed != nil {
		h.refuse(http.StatusBadRequest, malformed)
	}
	if authorities+hosts == 0 {
		h.refuse(http.StatusBadRequest, status.New(codes.Internal, "no host or :authority header present"))
	}
	if verb != http.MethodPost {
		h.refuse(http.StatusMethodNotAllowed,
			status.Newf(codes.Internal, "Received a HEADERS frame with :method %q which should be POST", verb))
	}
	if h.compression == encoding.Identity {
		h.compression = ""
	}
	if h.compression != "" && h.method != nil {
		if h.compressor = encoding.GetCompressor(h.compression); h.compressor == nil {
			h.refuse(http.StatusOK, notInstalled(h.compression))
		}
	}
}

// notInstalled refuses a compression.
func notInstalled(name string) *status.Status {
	return status.Newf(codes.Unimplemented, "grpc: Decompressor is not installed for grpc-encoding %q", name)
}

// contentType is what gRPC's content types begin with.
const contentType = "application/grpc"

// subtypeOf is what a content type of gRPC's says beyond that it is one.
func subtypeOf(value string) (string, bool) {
	rest, ok := strings.CutPrefix(value, contentType)
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "", true
	case rest[0] == '+' || rest[0] == ';':
		return rest[1:], true
	}
	return "", false
}

// metadata are the fields that handlers see, as grpc-go chooses them.
func (h *head) metadata() metadata.MD {
	md := make(metadata.MD, len(h.fields))
	for _, f := range h.fields {
		if reserved(f.Name) {
			continue
		}
		if _, ok := subtypeOf(f.Value); f.Name == "content-type" && !ok {
			continue
		}
		if v, err := fieldValue(f); err == nil {
			md[f.Name] = append(md[f.Name], v)
		}
	}
	// The old name of the authority counts where the new one is missing, and is never seen.
	if host := md["host"]; host != nil {
		if md[":authority"] == nil {
			md[":authority"] = host
		}
		delete(md, "host")
	}
	return md
}

// reserved tells whether a field is the protocol's own.
func reserved(name string) bool {
	switch name {
	case "grpc-message-type", "grpc-encoding", "grpc-message", "grpc-status", "grpc-timeout", "te":
		return true
	case ":authority":
		return false
	}
	return strings.HasPrefix(name, ":")
}

// fieldValue is a field's value; that of a binary one is in base64.
func fieldValue(f hpack.HeaderField) (string, error) {
	if !strings.HasSuffix(f.Name, "-bin") {
		return f.Value, nil
	}
	from := base64.RawStdEncoding
	if len(f.Value)%4 == 0 {
		from = base64.StdEncoding
	}
	v, err := from.DecodeString(f.Value)
	return string(v), err
}

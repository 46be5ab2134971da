package rpc

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// headerTable is what the client's HPACK table has of us: the two fields that nearly every answer has, each from its first
// time on, and nothing else. So their places never move by anything but each other, and a usual answer's fields are three
// bytes.
type headerTable struct {
	off      bool // the client wants a smaller table: it gets none
	emptied  bool // it was told so
	entries  int
	typeAt   int // the number of the entry; 0: none
	statusAt int
}

// tableFirst is the place of the newest entry (RFC 7541, 2.3.3).
const tableFirst = 62

// disable stops the table's use.
func (t *headerTable) disable() { *t = headerTable{off: true, emptied: t.emptied} }

// fieldType and fieldOK are the two fields, as literals that become entries; without the first byte's top bits they don't.
const (
	fieldType = "\x5f\x10" + contentType
	fieldOK   = "\x40\x0bgrpc-status\x010"
)

// indexed adds one of the two fields.
func (t *headerTable) indexed(b []byte, at *int, literal string) []byte {
	if *at > 0 {
		return append(b, 0x80|byte(tableFirst+t.entries-*at))
	}
	t.entries++
	*at = t.entries
	return append(b, literal...)
}

// fields are a header block that is being made.
type fields struct {
	table  *headerTable
	before headerTable // what the table was, if the block is not sent
	b      []byte
	size   int // as the client counts it
}

// newFields begins a block. There is one at a time.
func (c *conn) newFields() fields {
	f := fields{table: &c.table, before: c.table, b: c.scratch[:0]}
	if c.table.off && !c.table.emptied {
		c.table.emptied = true
		f.b = append(f.b, 0x20) // the table has no room from here on
	}
	return f
}

// add adds a field that does not become an entry.
func (f *fields) add(name, value string) {
	f.size += len(name) + len(value) + 32
	f.b = append(f.b, 0)
	f.b = append(appendLength(f.b, len(name)), name...)
	f.b = append(appendLength(f.b, len(value)), value...)
}

// appendLength adds a length (RFC 7541, 5.1, with seven bits in the first byte).
func appendLength(b []byte, n int) []byte {
	if n < 127 {
		return append(b, byte(n))
	}
	b = append(b, 127)
	for n -= 127; n >= 128; n >>= 7 {
		b = append(b, byte(n)|128)
	}
	return append(b, byte(n))
}

// begin adds what every answer begins with.
func (f *fields) begin(code int, subtype string) {
	if code == 200 {
		f.b = append(f.b, 0x88)
		f.size += 42
	} else {
		f.add(":status", strconv.Itoa(code))
	}
	if subtype == "" && !f.table.off {
		f.b = f.table.indexed(f.b, &f.table.typeAt, fieldType)
		f.size += 60
		return
	}
	if subtype != "" {
		subtype = "+" + subtype
	}
	f.add("content-type", contentType+subtype)
}

// status adds how a call has ended.
func (f *fields) status(st *status.Status) {
	if st.Code() == codes.OK && st.Message() == "" && !f.table.off {
		f.b = f.table.indexed(f.b, &f.table.statusAt, fieldOK)
		f.size += 44
		return
	}
	f.add("grpc-status", strconv.Itoa(int(st.Code())))
	f.add("grpc-message", escaped(st.Message()))
	if p := st.Proto(); len(p.GetDetails()) > 0 {
		if details, err := proto.Marshal(p); err == nil { // or the client has code and message
			f.add("grpc-status-details-bin", base64.RawStdEncoding.EncodeToString(details))
		}
	}
}

// metadata adds a handler's fields.
func (f *fields) metadata(md metadata.MD) {
	for name, values := range md {
		if reserved(name) || strings.HasPrefix(name, ":") || name == "content-type" || name == "user-agent" {
			continue
		}
		for _, v := range values {
			if strings.HasSuffix(name, "-bin") {
				v = base64.RawStdEncoding.EncodeToString([]byte(v))
			}
			f.add(name, v)
		}
	}
}

// sendFields sends a block, in as many frames as it needs.
func (c *conn) sendFields(id uint32, f *fields, flags http2.Flags) {
	p, t := f.b, http2.FrameHeaders
	for {
		n := min(len(p), frameMax)
		if n == len(p) {
			flags |= http2.FlagHeadersEndHeaders
		}
		c.frame(t, flags, id, n)
		c.out = append(c.out, p[:n]...)
		if p = p[n:]; len(p) == 0 {
			break
		}
		t, flags = http2.FrameContinuation, 0
	}
	if cap(f.b) <= frameMax {
		c.scratch = f.b
	}
	c.afterSending()
	if len(c.out) > 4*c.limits.queued {
		c.closeLocked(errNotRead)
	}
}

// taken tells whether the client takes fields of that size. If not, the stream ends.
func (c *conn) taken(s *stream, f *fields) bool {
	if c.peerList == 0 || f.size <= int(c.peerList) {
		return true
	}
	c.table = f.before
	c.resetLocked(s.id, http2.ErrCodeInternal)
	return false
}

// sendHead sends what comes before a stream's first message.
func (c *conn) sendHead(s *stream) {
	if s.headSent {
		return
	}
	s.headSent = true
	f := c.newFields()
	f.begin(200, s.head.subtype)
	if s.head.compression != "" {
		f.add("grpc-encoding", s.head.compression)
	}
	f.metadata(s.header)
	if c.taken(s, &f) {
		c.sendFields(s.id, &f, 0)
	}
}

// sendEnd sends what comes after a stream's last message.
func (c *conn) sendEnd(s *stream, st *status.Status) {
	if !s.headSent && len(s.header) > 0 {
		c.sendHead(s)
	}
	if s.over {
		return
	}
	f := c.newFields()
	if !s.headSent {
		f.begin(200, s.head.subtype)
	}
	f.status(st)
	f.metadata(s.trailer)
	if c.taken(s, &f) {
		c.sendLast(s, &f)
		c.forget(s)
	}
}

// sendRefusal answers a call that is not made.
func (c *conn) sendRefusal(s *stream, code int, st *status.Status) {
	f := c.newFields()
	f.begin(code, s.head.subtype)
	f.status(st)
	c.sendLast(s, &f)
}

// sendLast ends a stream. A client that goes on sending is told to stop.
func (c *conn) sendLast(s *stream, f *fields) {
	c.sendFields(s.id, f, http2.FlagHeadersEndStream)
	if !s.ended {
		c.sendReset(s.id, http2.ErrCodeNo)
	}
}

// escaped is a status message as a field has it: what is not printable ASCII in percents, what is not UTF-8 replaced.
func escaped(message string) string {
	plain := func(b byte) bool { return b >= ' ' && b <= '~' && b != '%' }
	i := 0
	for i < len(message) && plain(message[i]) {
		i++
	}
	if i == len(message) {
		return message
	}
	var b strings.Builder
	for _, r := range message {
		if r < utf8.RuneSelf && plain(byte(r)) {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

package requestlog

import (
	"log/slog"
	"strconv"
	"time"
)

// keyMax is how much of a key is kept.
const keyMax = 256

// Request is one request that ended.
type Request struct {
	Start time.Time     `json:"start"`
	Took  time.Duration `json:"took_ns"`

	Method     string `json:"method"`
	User       string `json:"user,omitempty"`
	CommonName string `json:"common_name,omitempty"` // of the client's verified certificate
	Remote     string `json:"remote,omitempty"`

	Key        string `json:"key,omitempty"` // see Key
	RangeEnd   string `json:"range_end,omitempty"`
	Subject    string `json:"subject,omitempty"`    // a user's or role's name, a lease, a member
	Operations int    `json:"operations,omitempty"` // of a transaction: those that were made

	RequestBytes  int   `json:"request_bytes"`
	ResponseBytes int   `json:"response_bytes"`
	Received      int   `json:"received,omitempty"` // a stream's messages
	Sent          int   `json:"sent,omitempty"`
	Keys          int64 `json:"keys,omitempty"`  // returned or changed
	Count         int64 `json:"count,omitempty"` // of keys in the range that was read
	Revision      int64 `json:"revision,omitempty"`

	Code string `json:"code"`
}

// Key makes a key printable and cuts it.
func Key(k []byte) string {
	if len(k) == 0 {
		return ""
	}
	end := ""
	if len(k) > keyMax {
		k, end = k[:keyMax], "…"
	}
	quoted := strconv.Quote(string(k))
	return quoted[1:len(quoted)-1] + end
}

// attrs are the fields of the log's line. Those of no interest are left out.
func (r *Request) attrs() []slog.Attr {
	a := make([]slog.Attr, 0, 20)
	text := func(name, value string) {
		if value != "" {
			a = append(a, slog.String(name, value))
		}
	}
	number := func(name string, value int64) {
		if value != 0 {
			a = append(a, slog.Int64(name, value))
		}
	}
	text("method", r.Method)
	text("user", r.User)
	text("common_name", r.CommonName)
	text("remote", r.Remote)
	text("key", r.Key)
	text("range_end", r.RangeEnd)
	text("subject", r.Subject)
	number("operations", int64(r.Operations))
	a = append(a, slog.Int("request_bytes", r.RequestBytes), slog.Int("response_bytes", r.ResponseBytes))
	number("received", int64(r.Received))
	number("sent", int64(r.Sent))
	number("keys", r.Keys)
	number("count", r.Count)
	number("revision", r.Revision)
	a = append(a, slog.Duration("took_ns", r.Took))
	text("code", r.Code)
	return a
}

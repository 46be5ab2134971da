package v2http

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"github.com/petcd/petcd/server/v2pb"
)

// formPerByte is how many bytes of a form may stand for one byte of a request: %41 for A, and the names of the fields.
const formPerByte = 4

// keyRequest is a parsed request for a key.
type keyRequest struct {
	req *v2pb.Request
	// noValue leaves the nodes out of the answer to a write.
	noValue bool
}

// linearizable tells whether a read must see all that was acknowledged before it.
func (k *keyRequest) linearizable() bool {
	return k.req.Method == http.MethodGet && k.req.Quorum
}

// watches tells whether the request waits for a change. etcd takes a linearizable one for a read.
func (k *keyRequest) watches() bool { return k.req.Wait && !k.linearizable() }

// method is the request's method, for counting.
func (k *keyRequest) method() string {
	if k.linearizable() {
		return "QGET"
	}
	return k.req.Method
}

// parseKeyRequest reads what a request for a key wants, from its query and its form; now is what a time to live counts from.
//
// A refusal is of the first thing that is wrong, in etcd's order.
func (h *Handler) parseKeyRequest(w http.ResponseWriter, r *http.Request, now time.Time) (*keyRequest, *keyError) {
	r.Body = http.MaxBytesReader(w, r.Body, h.bodyMax)
	if err := r.ParseForm(); err != nil {
		return nil, formError(err)
	}
	f := &fields{form: r.Form}
	req := &v2pb.Request{
		Method: r.Method,
		Path:   path.Join(namespace, r.URL.Path[len(keysPath):]),
		Val:    r.Form.Get("value"),
		Time:   now.UnixNano(),

		PrevIndex: f.index("prevIndex"),
		Since:     f.index("waitIndex"),
		Recursive: f.boolean("recursive"),
		Sorted:    f.boolean("sorted"),
		Wait:      f.boolean("wait"),
		Dir:       f.boolean("dir"),
		Quorum:    f.boolean("quorum"),
		Stream:    f.boolean("stream"),
	}
	if req.Wait && r.Method != http.MethodGet {
		f.refuse(refusal(codeInvalidField, `"wait" can only be used with GET requests`))
	}
	req.PrevValue = f.prevValue()
	k := &keyRequest{req: req, noValue: f.boolean("noValueOnSuccess")}
	ttl := f.ttl()
	req.PrevExist = f.optional("prevExist")
	req.Refresh = f.optional("refresh")
	if req.Refresh != nil && *req.Refresh {
		f.checkRefresh(ttl)
	}
	if ttl != nil {
		// A ttl beyond what a Duration holds wraps around, as in etcd.
		req.Expiration = now.Add(time.Duration(*ttl) * time.Second).UnixNano()
	}
	return k, f.refused
}

// formError refuses a request whose body cannot be read.
func formError(err error) *keyError {
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return refusal(codeInvalidForm, "http: POST too large")
	}
	return refusal(codeInvalidForm, err.Error())
}

// fields reads the fields of a form. Of a field that is there more than once the first counts. The first refusal stays.
type fields struct {
	form    url.Values
	refused *keyError
}

// refuse notes why the request is refused, unless it already is.
func (f *fields) refuse(e *keyError) {
	if f.refused == nil {
		f.refused = e
	}
}

// index is the number in a field, 0 without it.
func (f *fields) index(name string) uint64 {
	if !f.form.Has(name) {
		return 0
	}
	n, err := strconv.ParseUint(f.form.Get(name), 10, 64)
	if err != nil {
		f.refuse(refusal(codeIndexNotNumber, `invalid value for "`+name+`"`))
	}
	return n
}

// boolean is the truth of a field, false without it.
func (f *fields) boolean(name string) bool {
	if !f.form.Has(name) {
		return false
	}
	b, err := strconv.ParseBool(f.form.Get(name))
	if err != nil {
		f.refuse(refusal(codeInvalidField, `invalid value for "`+name+`"`))
	}
	return b
}

// optional is the truth of a field, nil without it.
func (f *fields) optional(name string) *bool {
	if !f.form.Has(name) {
		return nil
	}
	b, err := strconv.ParseBool(f.form.Get(name))
	if err != nil {
		f.refuse(refusal(codeInvalidField, "invalid value for "+name)) // these two without quotes, in etcd
	}
	return &b
}

// prevValue is the value that the key must have; an empty one is none.
func (f *fields) prevValue() string {
	v := f.form.Get("prevValue")
	if f.form.Has("prevValue") && v == "" {
		f.refuse(refusal(codePrevValueRequired, `"prevValue" cannot be empty`))
	}
	return v
}

// ttl is the seconds that the key is to live, nil without any. An empty field makes the key permanent.
func (f *fields) ttl() *uint64 {
	text := f.form.Get("ttl")
	if text == "" {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		f.refuse(refusal(codeTTLNotNumber, `invalid value for "ttl"`))
	}
	return &n
}

// checkRefresh refuses to refresh a key with anything but a time to live.
func (f *fields) checkRefresh(ttl *uint64) {
	if f.form.Get("value") != "" {
		f.refuse(refusal(codeRefreshValue, "A value was provided on a refresh"))
	}
	if ttl == nil {
		f.refuse(refusal(codeRefreshTTLRequired, "No TTL value set"))
	}
}

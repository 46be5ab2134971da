package conformance

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// v2Request is one request of API 2's differential test, in terms that hold on both sides: indexes, in parameters and in
// the names of in-order keys, count from the beginning of the run.
type v2Request struct {
	method string
	path   string // below /v2/keys, percent-encoded
	query  []v2Param
	form   []v2Param
	// contentType replaces that of a form.
	contentType string
}

// v2Param is one parameter, sent as it is written.
type v2Param struct {
	name, value string
	index       bool // the value is an index, which each side counts from its own beginning
}

// inOrder are the names that etcd gives to in-order keys: an index in twenty digits.
var inOrder = regexp.MustCompile(`\d{20}`)

// renumber shifts the names of in-order keys in a text.
func renumber(text string, by int64) string {
	return inOrder.ReplaceAllStringFunc(text, func(name string) string {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return name
		}
		return fmt.Sprintf("%020d", n+by)
	})
}

// url is the request's on a side whose indexes are larger by base.
func (r v2Request) url(endpoint string, base int64) string {
	target := endpoint + "/v2/keys" + renumber(r.path, base)
	if len(r.query) > 0 {
		target += "?" + encodeParams(r.query, base)
	}
	return target
}

// encodeParams writes parameters as a query or a form. What is not meant to be text stays as it is, so that malformed ones
// can be sent.
func encodeParams(params []v2Param, base int64) string {
	var parts []string
	for _, p := range params {
		value := p.value
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && p.index && n > 0 {
			value = strconv.FormatInt(n+base, 10)
		}
		if p.name == "" {
			parts = append(parts, value)
			continue
		}
		parts = append(parts, p.name+"="+url.QueryEscape(value))
	}
	return strings.Join(parts, "&")
}

// get finds the value that a server reads for a parameter: of a form before the query.
func (r v2Request) get(name string) (string, bool) {
	params := r.query
	if r.method == "PUT" || r.method == "POST" {
		params = append(append([]v2Param(nil), r.form...), r.query...)
	}
	for _, p := range params {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}

// is tells whether a boolean parameter is set.
func (r v2Request) is(name string) bool {
	value, _ := r.get(name)
	b, err := strconv.ParseBool(value)
	return err == nil && b
}

// String shows the request as the run counts.
func (r v2Request) String() string {
	text := r.method + " " + r.path
	if len(r.query) > 0 {
		text += "?" + encodeParams(r.query, 0)
	}
	if len(r.form) > 0 {
		text += " form " + encodeParams(r.form, 0)
	}
	if r.contentType != "" {
		text += " as " + r.contentType
	}
	return shorten(text)
}

// shorten leaves out the middle of a long text: the generator's long values say nothing.
func shorten(text string) string {
	const end = 600
	if len(text) <= 2*end {
		return text
	}
	return fmt.Sprintf("%s … %d bytes … %s", text[:end], len(text)-2*end, text[len(text)-end:])
}

// touches tells whether two requests are to the same key or one above the other, and so may have to do with each other.
func (r v2Request) touches(other v2Request) bool {
	a, b := strings.Trim(r.path, "/"), strings.Trim(other.path, "/")
	return a == b || a == "" || b == "" || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

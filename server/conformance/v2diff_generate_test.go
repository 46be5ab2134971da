package conformance

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
)

// v2Generator draws requests over a few keys, so that they meet: files where directories are wanted and the other way
// round, hidden ones, names that begin with each other, in-order keys. It follows the tree by what side a answers.
type v2Generator struct {
	rand  *rand.Rand
	index int64 // of the tree
	files map[string]v2File
	posts []string // paths of in-order keys
}

// v2File is what a reply last said of a file.
type v2File struct {
	value string
	index int64
}

const (
	// longTTL is the unit of times to live, in seconds: no key expires while the test runs but those that are meant to,
	// and what is left of one tells which it was given.
	longTTL = 100_000
	// postsMax is how many in-order keys are remembered.
	postsMax = 20
)

// v2Names are what paths are made of.
var v2Names = []string{"a", "ab", "b", "_h", "q", "ü&"}

func (g *v2Generator) maybe(oneIn int) bool { return g.rand.IntN(oneIn) == 0 }

// path draws a key of up to three names; rarely the root, an in-order key, or a path that is not clean.
func (g *v2Generator) path() string {
	switch {
	case g.maybe(60):
		return []string{"", "/"}[g.rand.IntN(2)]
	case g.maybe(12) && len(g.posts) > 0:
		return g.posts[g.rand.IntN(len(g.posts))]
	case g.maybe(150):
		return []string{"//a", "/a//b", "/a/../b", "/a/.", "/a/", "/a%2Fb", "/%00", "/%ff", "/_", "/a%20b"}[g.rand.IntN(10)]
	}
	text := ""
	for range 1 + g.rand.IntN(3) {
		text += "/" + url.PathEscape(v2Names[g.rand.IntN(len(v2Names))])
	}
	return text
}

// value draws what JSON has to escape, too; never digits, which the answers to comparisons could not tell from an index.
func (g *v2Generator) value() string {
	switch g.rand.IntN(40) {
	case 0:
		return ""
	case 1:
		return "<a href=\"x\">&amp; é  \\ \n\t"
	case 2:
		return "broken \xff\xfe utf"
	case 3:
		return strings.Repeat("long ", 3000)
	case 4:
		return "[x != y]"
	default:
		return string([]byte{byte('a' + g.rand.IntN(3)), byte('a' + g.rand.IntN(3))})
	}
}

// next draws a request that does not wait.
func (g *v2Generator) next() v2Request {
	key := g.path()
	switch n := g.rand.IntN(100); {
	case n < 17:
		return g.put(key, v2Param{name: "value", value: g.value()})
	case n < 21:
		return g.put(key, v2Param{name: "value", value: g.value()}, g.ttl())
	case n < 26:
		return g.put(key, v2Param{name: "dir", value: "true"})
	case n < 31:
		return g.put(key, v2Param{name: "value", value: g.value()}, v2Param{name: "prevExist", value: "false"})
	case n < 36:
		return g.put(key, v2Param{name: "value", value: g.value()}, v2Param{name: "prevExist", value: "true"})
	case n < 39:
		return g.put(key, v2Param{name: "refresh", value: "true"}, v2Param{name: "prevExist", value: "true"}, g.ttl())
	case n < 48:
		return g.put(g.file(key), append(g.compare(g.file(key)), v2Param{name: "value", value: g.value()})...)
	case n < 53:
		key = g.file(key)
		return v2Request{method: "DELETE", path: key, query: g.compare(key)}
	case n < 61:
		return v2Request{method: "DELETE", path: key, query: g.flags("dir", "recursive")}
	case n < 66:
		return v2Request{method: "POST", path: key, form: append(g.flags("dir"), v2Param{name: "value", value: g.value()})}
	case n < 80:
		return v2Request{method: "GET", path: key, query: g.flags("recursive", "sorted", "quorum")}
	case n < 82:
		return v2Request{method: "HEAD", path: key, query: g.flags("recursive", "quorum")}
	case n < 86:
		return g.malformed(key)
	default:
		return g.anything(key)
	}
}

// put sends its parameters in the form, in the query, or some in each.
func (g *v2Generator) put(key string, params ...v2Param) v2Request {
	r := v2Request{method: "PUT", path: key}
	if g.maybe(12) {
		params = append(params, v2Param{name: "noValueOnSuccess", value: g.boolean()})
	}
	for _, p := range params {
		if p.name == "value" || !g.maybe(3) {
			r.form = append(r.form, p)
		} else {
			r.query = append(r.query, p)
		}
	}
	return r
}

// file prefers a path that holds a file, as comparisons need one.
func (g *v2Generator) file(otherwise string) string {
	if _, ok := g.files[otherwise]; ok || g.maybe(6) {
		return otherwise
	}
	for range 8 {
		if key := g.path(); g.files[key].index > 0 {
			return key
		}
	}
	return otherwise
}

// compare draws conditions on a file: right, stale or wrong.
func (g *v2Generator) compare(key string) []v2Param {
	have := g.files[key]
	var params []v2Param
	if !g.maybe(3) {
		p := v2Param{name: "prevValue", value: have.value}
		if g.maybe(4) {
			p.value = g.value()
		}
		params = append(params, p)
	}
	if len(params) == 0 || g.maybe(3) {
		p := v2Param{name: "prevIndex", index: true, value: strconv.FormatInt(have.index, 10)}
		if g.maybe(4) {
			p.value = strconv.FormatInt(max(1, have.index-1+2*g.rand.Int64N(2)), 10)
		}
		params = append(params, p)
	}
	if g.maybe(5) {
		params = append(params, v2Param{name: "prevExist", value: g.boolean()})
	}
	if g.maybe(8) {
		params = append(params, g.ttl())
	}
	return params
}

// flags draws some of the names as true.
func (g *v2Generator) flags(names ...string) []v2Param {
	var params []v2Param
	for _, name := range names {
		if g.maybe(2) {
			params = append(params, v2Param{name: name, value: "true"})
		}
	}
	return params
}

// ttl draws a long time to live, or none.
func (g *v2Generator) ttl() v2Param {
	if g.maybe(10) {
		return v2Param{name: "ttl"}
	}
	return v2Param{name: "ttl", value: strconv.Itoa((1 + g.rand.IntN(5)) * longTTL)}
}

// expiring draws a write with a short time to live: a file, a directory with time enough to put something below, a refresh of
// what is there.
func (g *v2Generator) expiring() v2Request {
	r := v2Request{method: "PUT", path: g.path()}
	switch g.rand.IntN(4) {
	case 0:
		r.form = []v2Param{{name: "ttl", value: "3"}, {name: "dir", value: "true"}}
	case 1:
		r.form = []v2Param{{name: "ttl", value: "0"}, {name: "value", value: "ends at once"}}
	case 2:
		r.path = g.file(r.path)
		r.form = []v2Param{{name: "ttl", value: "1"}, {name: "refresh", value: "true"}, {name: "prevExist", value: "true"}}
	default:
		r.form = []v2Param{{name: "ttl", value: "1"}, {name: "value", value: g.value()}}
	}
	return r
}

func (g *v2Generator) boolean() string {
	return []string{"true", "false", "1", "0", "t", "F", "TRUE"}[g.rand.IntN(7)]
}

// malformed draws what is refused before the tree is asked.
func (g *v2Generator) malformed(key string) v2Request {
	name := []string{"recursive", "sorted", "wait", "dir", "quorum", "stream", "noValueOnSuccess", "prevExist", "refresh",
		"prevIndex", "waitIndex", "ttl", "prevValue"}[g.rand.IntN(13)]
	value := []string{"", "maybe", "-1", "1.5", "0x10", "99999999999999999999", "tRue"}[g.rand.IntN(7)]
	r := v2Request{method: []string{"GET", "PUT", "POST", "DELETE", "HEAD"}[g.rand.IntN(5)], path: key}
	switch g.rand.IntN(12) {
	case 0:
		r.query = []v2Param{{value: "value=%zz"}}
	case 1:
		r.query = []v2Param{{value: "a=1;b=2"}}
	case 2:
		r.method, r.form = "PUT", []v2Param{{value: "value=%zz"}}
	case 3:
		r.method, r.form, r.contentType = "PUT", []v2Param{{name: "value", value: "x"}}, "text/plain"
	case 4:
		r.method = []string{"PATCH", "OPTIONS", "TRACE", "FOO"}[g.rand.IntN(4)]
	case 5:
		r.method, r.form = "PUT", []v2Param{{name: "refresh", value: "true"}, {name: "value", value: g.value()}}
	default:
		// Never a GET that waits for something nobody will write: the value of wait itself is malformed or empty.
		r.query = []v2Param{{name: name, value: value}}
	}
	return r
}

// anything draws any parameters with any method.
func (g *v2Generator) anything(key string) v2Request {
	r := v2Request{method: []string{"GET", "PUT", "PUT", "PUT", "POST", "DELETE", "DELETE", "HEAD"}[g.rand.IntN(8)], path: key}
	for _, p := range []v2Param{
		{name: "value", value: g.value()},
		{name: "dir", value: g.boolean()},
		{name: "prevExist", value: g.boolean()},
		{name: "prevValue", value: g.files[key].value},
		{name: "prevIndex", value: strconv.FormatInt(g.files[key].index, 10), index: true},
		{name: "refresh", value: g.boolean()},
		g.ttl(),
		{name: "recursive", value: g.boolean()},
		{name: "sorted", value: g.boolean()},
		{name: "quorum", value: g.boolean()},
		{name: "stream", value: g.boolean()},
		{name: "waitIndex", value: strconv.FormatInt(g.index, 10), index: true},
		{name: "noValueOnSuccess", value: g.boolean()},
		{name: "unknown", value: g.value()},
	} {
		if !g.maybe(4) {
			continue
		}
		if r.method != "GET" && r.method != "HEAD" && g.maybe(2) {
			r.form = append(r.form, p)
		} else {
			r.query = append(r.query, p)
		}
	}
	if g.maybe(10) && r.method != "GET" || r.is("quorum") && g.maybe(3) {
		// Not with GET, which would wait; a quorum read does not look at it.
		r.query = append(r.query, v2Param{name: "wait", value: "true"})
	}
	return r
}

// watch draws a request that waits: from now on, from the past, which answers at once if something has happened, from before
// the history, or from the future.
func (g *v2Generator) watch() v2Request {
	r := v2Request{method: "GET", path: g.path(), query: append(g.flags("recursive"), v2Param{name: "wait", value: "true"})}
	for strings.ContainsAny(r.path, ".%") || strings.Contains(r.path, "//") {
		r.path = g.path()
	}
	since := int64(0)
	switch g.rand.IntN(6) {
	case 0, 1:
		since = max(1, g.index-g.rand.Int64N(40))
	case 2:
		since = max(1, g.index-v2History-20+g.rand.Int64N(40))
	case 3:
		since = g.index + 1 + g.rand.Int64N(30)
	}
	if since > 0 || g.maybe(8) {
		r.query = append(r.query, v2Param{name: "waitIndex", value: strconv.FormatInt(since, 10), index: true})
	}
	if g.maybe(4) {
		r.query = append(r.query, v2Param{name: "stream", value: "true"})
	}
	return r
}

// learn takes from a reply what later requests refer to.
func (g *v2Generator) learn(r v2Request, reply v2Reply) {
	g.index = max(g.index, reply.index)
	ev := reply.event
	if ev == nil || ev.Node == nil {
		return
	}
	key := escapePath(ev.Node.Key)
	switch ev.Action {
	case "delete", "compareAndDelete", "expire":
		for path := range g.files {
			if path == key || strings.HasPrefix(path, key+"/") {
				delete(g.files, path)
			}
		}
		return
	}
	if ev.Node.Value != nil {
		g.files[key] = v2File{value: *ev.Node.Value, index: ev.Node.ModifiedIndex}
	}
	if r.method == "POST" && !strings.Contains(key, escapePath(v2NoText)) {
		g.posts = append(g.posts, key)
		if len(g.posts) > postsMax {
			g.posts = g.posts[1:]
		}
	}
}

// escapePath is a key as a URL has it.
func escapePath(key string) string {
	segments := strings.Split(key, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	return strings.Join(segments, "/")
}

// newV2Generator begins with an empty tree.
func newV2Generator(seed uint64) *v2Generator {
	return &v2Generator{rand: rand.New(rand.NewPCG(seed, 2)), files: make(map[string]v2File)}
}

// top is the first name of a path, "" for the root.
func top(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if name == "" {
		return ""
	}
	return fmt.Sprintf("/%s", name)
}

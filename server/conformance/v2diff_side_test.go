package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// v2AnswerTimeout is what an answer may take that does not wait for a change.
	v2AnswerTimeout = 15 * time.Second
	// v2ClockSlack is how far an expiration may lie from the clock here plus the time to live.
	v2ClockSlack = 5 * time.Second
)

// v2Side is one of the two servers under comparison.
type v2Side struct {
	name     string
	endpoint string
	client   *http.Client

	// base is the tree's index when the run began; all that is compared counts from there. etcd's also counts what
	// happened to members.
	base int64

	// Tampering, for the proof that a difference is noticed; nil otherwise.
	spoilReply func(r v2Request, header http.Header, body []byte) []byte
	spoilEvent func(event []byte) (spoiled []byte, drop bool)
}

// newV2Side makes a client that keeps its connections and follows no redirection.
func newV2Side(name, endpoint string) *v2Side {
	return &v2Side{name: name, endpoint: endpoint, client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// v2Reply is an answer without what may differ.
type v2Reply struct {
	text  string   // all that is compared
	index int64    // of the tree; 0 when the answer doesn't tell
	event *v2Event // nil for an error
	code  int      // errorCode, 0 for none
	reset bool     // the connection was, and there is no answer
}

// v2Event and v2Node are API 2's event in the order of etcd's fields, so that encoding them again tells whether a server
// writes as etcd does.
type v2Event struct {
	Action   string  `json:"action"`
	Node     *v2Node `json:"node,omitempty"`
	PrevNode *v2Node `json:"prevNode,omitempty"`
	Refresh  bool    `json:"refresh,omitempty"`
}

type v2Node struct {
	Key           string    `json:"key,omitempty"`
	Value         *string   `json:"value,omitempty"`
	Dir           bool      `json:"dir,omitempty"`
	Expiration    string    `json:"expiration,omitempty"`
	TTL           int64     `json:"ttl,omitempty"`
	Nodes         []*v2Node `json:"nodes,omitempty"`
	ModifiedIndex int64     `json:"modifiedIndex,omitempty"`
	CreatedIndex  int64     `json:"createdIndex,omitempty"`
}

// v2Error is API 2's error.
type v2Error struct {
	ErrorCode int    `json:"errorCode"`
	Message   string `json:"message"`
	Cause     string `json:"cause,omitempty"`
	Index     int64  `json:"index"`
}

// do sends a request and waits for the whole answer. What went wrong with the connection is an answer too.
func (s *v2Side) do(ctx context.Context, r v2Request) v2Reply {
	ctx, cancel := context.WithTimeout(ctx, v2AnswerTimeout)
	defer cancel()
	resp, err := s.send(ctx, r)
	if err != nil {
		return v2Reply{text: "no answer: " + errors.Unwrap(err).Error(), reset: errors.Is(err, syscall.ECONNRESET)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return v2Reply{text: "no end of the answer: " + err.Error()}
	}
	return s.read(r, resp, body)
}

// send returns the answer once its headers are there.
func (s *v2Side) send(ctx context.Context, r v2Request) (*http.Response, error) {
	var body io.Reader
	if len(r.form) > 0 {
		body = strings.NewReader(encodeParams(r.form, s.base))
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url(s.endpoint, s.base), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	return s.client.Do(req)
}

// read makes an answer comparable.
func (s *v2Side) read(r v2Request, resp *http.Response, body []byte) v2Reply {
	header := resp.Header.Clone()
	if s.spoilReply != nil {
		body = s.spoilReply(r, header, body)
	}
	reply := v2Reply{}
	if index, err := strconv.ParseInt(header.Get("X-Etcd-Index"), 10, 64); err == nil && index > 0 {
		reply.index = index - s.base
	}
	length := "no length"
	if resp.ContentLength >= 0 {
		length = "length"
	}
	reply.text = fmt.Sprintf("%d %s\n%s", resp.StatusCode, length, s.headers(header, reply.index))
	reply.text += s.body(body, !r.is("sorted"), &reply)
	return reply
}

// v2Ids are headers whose values differ from one cluster to the next, or with a cluster's age.
var v2Ids = map[string]*regexp.Regexp{
	"X-Etcd-Cluster-Id": regexp.MustCompile(`^[0-9a-f]{1,16}$`),
	"X-Raft-Index":      regexp.MustCompile(`^[1-9][0-9]*$`),
	"X-Raft-Term":       regexp.MustCompile(`^[1-9][0-9]*$`),
	"Date":              regexp.MustCompile(` GMT$`),
	"Content-Length":    regexp.MustCompile(`^[0-9]+$`),
}

// headers renders them in order.
func (s *v2Side) headers(header http.Header, index int64) string {
	var lines []string
	for name, values := range header {
		for _, value := range values {
			switch format := v2Ids[name]; {
			case format != nil && format.MatchString(value):
				value = "(any)"
			case name == "X-Etcd-Index":
				value = strconv.FormatInt(index, 10)
			case name == "Location":
				value = s.location(value)
			}
			lines = append(lines, name+": "+value+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// v2NoText stands for bytes that are no text. They are written as an escape, and the character that the escape is of as itself:
// decoded they would be the same, so the escape becomes a character that nothing else has.
const v2NoText = "\ue000"

// v2IndexParam is a parameter that may be an index; only one that is was shifted when it was sent.
var v2IndexParam = regexp.MustCompile(`Index=[^&"<\s]*`)

// location is where a request is sent to instead, with the indexes it asked for.
func (s *v2Side) location(url string) string {
	return v2IndexParam.ReplaceAllStringFunc(renumber(url, -s.base), func(param string) string {
		n, err := strconv.ParseInt(strings.TrimPrefix(param, "Index="), 10, 64)
		if err != nil || n <= 0 {
			return param
		}
		return fmt.Sprintf("Index=%d", n-s.base)
	})
}

// body renders an event or an error with indexes that count from the run's beginning; anything else as it is.
func (s *v2Side) body(body []byte, unordered bool, reply *v2Reply) string {
	body = bytes.ReplaceAll(body, []byte(`\ufffd`), []byte(v2NoText))
	var either struct {
		v2Event
		v2Error
	}
	if json.Unmarshal(body, &either) != nil || either.Action == "" && either.Message == "" {
		return s.location(string(body)) // of a redirection, for one
	}
	var canonical any
	if either.Action != "" {
		reply.event = &either.v2Event
		canonical = *reply.event
	} else {
		reply.code = either.ErrorCode
		canonical = either.v2Error
	}
	text := ""
	if again := encodeV2(canonical); !bytes.Equal(again, body) {
		text = fmt.Sprintf("not as etcd writes: %q\n", body)
	}
	if reply.event != nil {
		s.node(reply.event.Node, unordered)
		s.node(reply.event.PrevNode, unordered)
		return text + string(encodeV2(*reply.event))
	}
	either.v2Error.Cause = renumber(s.cause(either.Cause), -s.base)
	if either.v2Error.Index > 0 {
		either.v2Error.Index -= s.base
	}
	return text + string(encodeV2(either.v2Error))
}

// encodeV2 writes JSON as etcd does.
func encodeV2(v any) []byte {
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(v); err != nil {
		return []byte(err.Error())
	}
	return out.Bytes()
}

// v2Indexes are the indexes in the cause of an error: of a comparison, and of a history that is gone.
var v2Indexes = regexp.MustCompile(`\[(\d+)( != |/)(\d+)\]`)

// cause shifts the indexes of an error's cause.
func (s *v2Side) cause(text string) string {
	return v2Indexes.ReplaceAllStringFunc(text, func(pair string) string {
		parts := v2Indexes.FindStringSubmatch(pair)
		a, _ := strconv.ParseInt(parts[1], 10, 64) // digits; too many are the same on both sides
		b, _ := strconv.ParseInt(parts[3], 10, 64)
		return fmt.Sprintf("[%d%s%d]", a-s.base, parts[2], b-s.base)
	})
}

// node makes a node and those below it comparable.
func (s *v2Side) node(n *v2Node, unordered bool) {
	if n == nil {
		return
	}
	n.Key = renumber(n.Key, -s.base)
	for _, index := range []*int64{&n.ModifiedIndex, &n.CreatedIndex} {
		if *index > 0 {
			*index -= s.base
		}
	}
	if n.Expiration != "" {
		n.Expiration = expirationFits(n.Expiration, n.TTL)
	}
	n.TTL = (n.TTL + longTTL - 1) / longTTL
	for _, child := range n.Nodes {
		s.node(child, unordered)
	}
	if unordered {
		slices.SortFunc(n.Nodes, func(a, b *v2Node) int { return strings.Compare(a.Key, b.Key) })
	}
}

// expirationFits says whether it goes with the time to live and the clock. Events of the past carry the TTL of their time, so
// only an expiration later than that is wrong for sure.
func expirationFits(text string, ttl int64) string {
	at, err := time.Parse(time.RFC3339Nano, text)
	switch {
	case err != nil || !strings.HasSuffix(text, "Z"):
		return "malformed: " + text
	case time.Until(at) > time.Duration(ttl)*time.Second+v2ClockSlack:
		return fmt.Sprintf("%s, too late for a time to live of %d s", text, ttl)
	default:
		return "(any)"
	}
}

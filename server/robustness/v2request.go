package robustness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The numbers of API 2's refusals that say what a request met; after any other error it may have happened.
const (
	v2KeyNotFound = 100
	v2TestFailed  = 101
	v2NodeExists  = 105
	v2Cleared     = 401
)

// v2API speaks API 2 with the members of a cluster.
type v2API struct {
	endpoints []string
	client    *http.Client
}

// newV2API keeps connections, which come back soon after a restart.
func newV2API(endpoints []string) *v2API {
	return &v2API{endpoints: endpoints, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
}

// v2Reply is an event or an error of API 2, with the tree's index.
type v2Reply struct {
	Action   string
	Node     *v2Node
	PrevNode *v2Node

	ErrorCode int
	Message   string
	Cause     string

	index int64
	raw   []byte
}

// v2Node is a node of the tree.
type v2Node struct {
	Key           string
	Value         string
	Dir           bool
	Expiration    *time.Time
	Nodes         []*v2Node
	ModifiedIndex int64
	CreatedIndex  int64
}

// do sends a request once and returns what the member answered; an error means that nobody knows what became of it.
func (a *v2API) do(ctx context.Context, member int, method, key string, params url.Values) (*v2Reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.endpoints[member]+"/v2/keys/"+key+"?"+params.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("robustness: API 2: %w", err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return nil, fmt.Errorf("robustness: API 2: %w", err)
	}
	r := &v2Reply{raw: body}
	r.index, _ = strconv.ParseInt(resp.Header.Get("X-Etcd-Index"), 10, 64) // 0 tells that there is none
	if err := json.Unmarshal(body, r); err != nil {
		return nil, fmt.Errorf("robustness: API 2: %w: %d %q", err, resp.StatusCode, body)
	}
	switch r.ErrorCode {
	case 0, v2KeyNotFound, v2TestFailed, v2NodeExists, v2Cleared:
		return r, nil
	}
	return nil, fmt.Errorf("robustness: API 2: %d %s", resp.StatusCode, strings.TrimSpace(string(body)))
}

// request performs a one-key operation, as traffic sends it.
func (a *v2API) request(ctx context.Context, member int, op Operation) (Answer, error) {
	method, params := "", url.Values{}
	switch op.Kind {
	case Get:
		method = http.MethodGet
		params.Set("quorum", "true")
	case Put:
		method = http.MethodPut
	case Delete:
		method = http.MethodDelete
	case Swap:
		method = http.MethodPut
		if op.Expect == "" {
			params.Set("prevExist", "false")
		} else {
			params.Set("prevValue", op.Expect)
		}
	}
	if op.Value != "" {
		params.Set("value", op.Value)
	}
	r, err := a.do(ctx, member, method, op.Key, params)
	if err != nil {
		return Answer{}, err
	}
	return v2Answer(op, r)
}

// v2Compared is the cause of a refused comparison of values.
var v2Compared = regexp.MustCompile(`^\[(\S*) != (\S*)\]$`)

// errV2Answer means that an answer does not go with its request.
var errV2Answer = errors.New("robustness: API 2: unexpected answer")

// v2Answer is what a reply says of the key.
func v2Answer(op Operation, r *v2Reply) (Answer, error) {
	a := Answer{Revision: r.index}
	switch {
	case r.ErrorCode == v2KeyNotFound:
		return a, nil
	case r.ErrorCode == v2NodeExists && op.Kind == Swap:
		a.Found, a.ModRevision = true, untold
		return a, nil
	case r.ErrorCode == v2TestFailed && op.Kind == Swap:
		parts := v2Compared.FindStringSubmatch(r.Cause)
		if parts == nil || parts[1] != op.Expect {
			return a, fmt.Errorf("%w: %v: %s", errV2Answer, op, r.raw)
		}
		a.Found, a.Value, a.ModRevision = true, parts[2], untold
		return a, nil
	case r.ErrorCode != 0 || r.Node == nil:
		return a, fmt.Errorf("%w: %v: %s", errV2Answer, op, r.raw)
	case op.Kind == Get:
		a.Found, a.Value, a.ModRevision = true, r.Node.Value, r.Node.ModifiedIndex
	case r.Node.ModifiedIndex != r.index:
		return a, fmt.Errorf("%w: changed at index %d, told %d: %v: %s", errV2Answer, r.Node.ModifiedIndex, r.index, op, r.raw)
	default:
		a.Done = true
	}
	return a, nil
}

// event is what a watch told, for the checks.
func (r *v2Reply) event() Event {
	e := Event{
		Revision: r.Node.ModifiedIndex,
		Delete:   r.Action == "delete" || r.Action == "expire" || r.Action == "compareAndDelete",
		Expired:  r.Action == "expire",
		Fresh:    r.Action == "set",
		Key:      strings.TrimPrefix(r.Node.Key, "/"),
		Value:    r.Node.Value,
		Create:   r.Node.CreatedIndex,
	}
	if r.PrevNode != nil {
		e.Previous = &Previous{Value: r.PrevNode.Value, ModRevision: r.PrevNode.ModifiedIndex}
	}
	return e
}

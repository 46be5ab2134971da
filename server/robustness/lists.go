package robustness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// List is what a client read of all of an epoch's keys at one revision, page by page.
type List struct {
	Revision int64
	Keys     []string // in the order they came
	State    map[string]State
	Counts   []int64 // by page, of the keys from there to the end
	Pages    []int   // keys by page
}

// list reads all keys as Kubernetes' apiserver does: the first page at the newest revision, the others at the first one's.
// Without an answer to the last of them it tells nothing and is forgotten.
func (c *client) list() error {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	floor := c.floor.Load()
	l := List{State: make(map[string]State)}
	req := &pb.RangeRequest{Key: []byte(c.prefix), RangeEnd: []byte(endOf(c.prefix)), Limit: int64(1 + c.rng.IntN(c.Keys))}
	call := time.Since(c.began)
	for more := true; more; {
		resp, err := pb.NewKVClient(c.conns[c.member]).Range(ctx, req)
		if err != nil {
			return err
		}
		if l.Revision == 0 {
			l.Revision = resp.Header.GetRevision()
			req.Revision = l.Revision
		}
		for _, kv := range resp.Kvs {
			l.Keys = append(l.Keys, string(kv.Key))
			l.State[string(kv.Key)] = State{Value: string(kv.Value), Create: kv.CreateRevision, Mod: kv.ModRevision, Version: kv.Version}
			req.Key = append(slices.Clone(kv.Key), 0)
		}
		l.Counts, l.Pages = append(l.Counts, resp.Count), append(l.Pages, len(resp.Kvs))
		more = resp.More && len(resp.Kvs) > 0
		if more != resp.More {
			return c.wrongList(fmt.Errorf("%w: an empty page has more after it: %v", ErrList, resp.Header))
		}
	}
	if l.Revision < floor {
		return c.wrongList(fmt.Errorf("%w: list, called at %v, has revision %d, after %d", ErrRevision, call, l.Revision, floor))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists = append(c.lists, l)
	return nil
}

// wrongList records what no list may say. It is no reason to turn to another member.
func (c *client) wrongList(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
	return nil
}

// checkLists compares lists with what the history adds up to at their revisions.
func checkLists(events []Event, lists []List) error {
	slices.SortStableFunc(lists, func(a, b List) int { return cmp.Compare(a.Revision, b.Revision) })
	var errs []error
	now := make(map[string]State)
	for _, l := range lists {
		for len(events) > 0 && events[0].Revision <= l.Revision {
			step(now, events[0])
			events = events[1:]
		}
		errs = append(errs, checkList(now, l))
		if len(errs) > listErrorsMax {
			break
		}
	}
	return errors.Join(errs...)
}

// listErrorsMax bounds a failure message, in lists.
const listErrorsMax = 20

// step applies an event to the state.
func step(state map[string]State, e Event) {
	if e.Delete {
		delete(state, e.Key)
		return
	}
	state[e.Key] = State{Value: e.Value, Create: e.Create, Mod: e.Revision, Version: e.Version}
}

// checkList compares one list with the state at its revision.
func checkList(want map[string]State, l List) error {
	if !slices.IsSorted(l.Keys) {
		return fmt.Errorf("%w: at revision %d keys are not in order: %v", ErrList, l.Revision, l.Keys)
	}
	for key, state := range want {
		if got, ok := l.State[key]; !ok || got != state {
			return fmt.Errorf("%w: at revision %d key %s is %+v, by the history %+v", ErrList, l.Revision, key, got, state)
		}
	}
	if len(l.Keys) != len(want) {
		return fmt.Errorf("%w: at revision %d there are %d keys, by the history %d", ErrList, l.Revision, len(l.Keys), len(want))
	}
	left := int64(len(want))
	for i, count := range l.Counts {
		if count != left {
			return fmt.Errorf("%w: at revision %d page %d counts %d keys and not %d", ErrList, l.Revision, i, count, left)
		}
		left -= int64(l.Pages[i])
	}
	return nil
}

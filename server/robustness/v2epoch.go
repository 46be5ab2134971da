package robustness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// v2WritesMax keeps an epoch's changes, those of keys that expire among them, within the 1,000 that a member remembers.
const v2WritesMax = 850

// V2 is what API 2's clients do during an epoch, on keys of their own. Without clients the API is left alone.
type V2 struct {
	Traffic  Traffic
	Watchers int
	// OthersChange allows indexes without a change of ours: etcd 3.4 counts what happens to members.
	OthersChange bool
}

// V2Summary is what a campaign did by API 2.
type V2Summary struct {
	Operations, Ambiguous, Events, Expired int
	Index                                  int64
}

// v2Epoch is the part of an epoch that goes by API 2. Its checks are those of the epoch, with the tree's index in the place of the
// revision. A nil one does nothing.
type v2Epoch struct {
	V2
	api        *v2API
	prefix     string
	start, end int64 // indexes

	traffic  *traffic
	mortals  *mortals
	watchers []*v2Watcher
	stop     context.CancelFunc // of the watchers
	watching sync.WaitGroup
	events   []Event
}

// startV2 begins the load of API 2, which ends with loadCtx.
func (e *epoch) startV2(ctx, loadCtx context.Context, load *sync.WaitGroup, seed uint64) error {
	if e.V2.Traffic.Clients == 0 {
		return nil
	}
	v := &v2Epoch{V2: e.V2, api: newV2API(e.Cluster.endpoints), prefix: "v2" + e.prefix}
	reply, err := v.api.do(ctx, 0, http.MethodGet, "", url.Values{"quorum": {"true"}})
	if err != nil {
		return fmt.Errorf("%w: API 2: read the index: %w", ErrUnhealthy, err)
	}
	v.start = reply.index
	v.Traffic.WritesMax = v2WritesMax
	v.traffic = newTraffic(v.Traffic, e.Cluster.conns, v.prefix, v.start)
	v.traffic.send = v.api.request
	v.mortals = &mortals{api: v.api, rng: rand.New(rand.NewPCG(seed, 3000)), prefix: v.prefix + "ttl/", began: v.traffic.began}
	if e.tamperV2 != nil {
		e.tamperV2(v)
	}
	watchCtx, stop := context.WithCancel(ctx)
	v.stop = stop
	for i := range v.Watchers {
		w := newV2Watcher(i, v.api, v.prefix, v.start, seed, !v.OthersChange)
		v.watchers = append(v.watchers, w)
		v.watching.Go(func() { w.run(watchCtx) })
	}
	load.Go(func() { v.traffic.Run(loadCtx, seed) })
	load.Go(func() { v.mortals.run(loadCtx) })
	e.v2 = v
	return nil
}

// rest waits for the end of keys with a time to live and for the index to stand still, makes one event that every watcher must
// see, and waits until they and all members have it.
func (v *v2Epoch) rest(ctx context.Context) error {
	if v == nil {
		return nil
	}
	defer v.watching.Wait()
	defer v.stop()
	if err := v.mortals.awaitEnd(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, convergeTimeout)
	defer cancel()
	for last := int64(-1); ; {
		reply, err := v.api.do(ctx, 0, http.MethodGet, "", url.Values{"quorum": {"true"}})
		if err == nil && reply.index == last {
			break
		}
		if err == nil {
			last = reply.index
		}
		if !wait(ctx, settleQuiet) {
			return fmt.Errorf("%w: API 2: the index does not settle: %w", ErrUnhealthy, errors.Join(err, ctx.Err()))
		}
	}
	tries := 0
	err := insist(ctx, "write the end of API 2's epoch", func(ctx context.Context) (err error) {
		tries++
		last := Operation{Kind: Put, Key: v.prefix + "end", Value: fmt.Sprintf("%send%d", v.prefix, tries), Call: time.Since(v.traffic.began)}
		last.Answer, err = v.api.request(ctx, 0, last)
		last.Return, last.Known = time.Since(v.traffic.began), err == nil
		v.traffic.ops = append(v.traffic.ops, last)
		v.end = last.Answer.Revision
		return err
	})
	if err != nil {
		return err
	}
	for i, w := range v.watchers {
		for w.Last() < v.end {
			if !wait(ctx, 10*time.Millisecond) {
				return errors.Join(fmt.Errorf("%w: API 2: watcher %d has got to index %d and not to %d", ErrWatch, i, w.Last(), v.end), errors.Join(w.errs...))
			}
		}
	}
	return v.converge(ctx)
}

// converge waits until every member has the last index, and compares their trees.
func (v *v2Epoch) converge(ctx context.Context) error {
	var trees []string
	for member := range v.api.endpoints {
		for {
			r, err := v.api.do(ctx, member, http.MethodGet, "", url.Values{"recursive": {"true"}, "sorted": {"true"}})
			if err == nil && r.index == v.end {
				dump, err := json.Marshal(r.Node)
				if err != nil {
					return fmt.Errorf("robustness: API 2: %w", err)
				}
				trees = append(trees, string(dump))
				break
			}
			if !wait(ctx, 10*time.Millisecond) {
				return fmt.Errorf("%w: API 2: member %d does not reach index %d: %w", ErrDiverged, member, v.end, errors.Join(err, ctx.Err()))
			}
		}
	}
	return compareTrees(trees)
}

// compareTrees compares what every member holds.
func compareTrees(trees []string) error {
	for i, tree := range trees {
		if tree != trees[0] {
			at := 0
			for at < min(len(tree), len(trees[0])) && tree[at] == trees[0][at] {
				at++
			}
			near := func(text string) string { return text[max(0, at-100):min(len(text), at+200)] }
			return fmt.Errorf("%w: API 2: trees of members 0 and %d:\n…%s\n…%s", ErrDiverged, i, near(trees[0]), near(tree))
		}
	}
	return nil
}

// check runs every check on what the epoch recorded, with the history of one member.
func (v *v2Epoch) check(ctx context.Context, member int) error {
	if v == nil {
		return nil
	}
	errs := append(v.traffic.errs, v.mortals.errs...)
	var err error
	if v.events, err = readV2History(ctx, v.api, member, v.prefix, v.start, v.end); err != nil {
		return errors.Join(append(errs, err)...)
	}
	stored := make(map[string]State)
	r, err := v.api.do(ctx, member, http.MethodGet, v.prefix, url.Values{"recursive": {"true"}})
	if err != nil || r.Node == nil {
		return fmt.Errorf("%w: API 2: read the tree: %w", ErrHistory, err)
	}
	v2States(r.Node, stored)
	history := newHistoryCheck()
	history.unversioned = true
	if !v.OthersChange {
		history.contiguous(v.events, v.start, v.end)
	}
	errs = append(errs, history.run(v.events, append(v.traffic.ops, v.mortals.ops...), stored), v.mortals.checkExpiries(v.events))
	for _, w := range v.watchers {
		errs = append(append(errs, w.errs...), CheckWatch(v.events, &w.session))
	}
	errs = append(errs, checkLinearizable(resolve(v.traffic.ops, v.events), checkBudget))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("API 2: %w", err)
	}
	return nil
}

// v2States lists the files below a node.
func v2States(n *v2Node, into map[string]State) {
	if !n.Dir {
		into[n.Key[1:]] = State{Value: n.Value, Create: n.CreatedIndex, Mod: n.ModifiedIndex}
	}
	for _, child := range n.Nodes {
		v2States(child, into)
	}
}

// summary counts what the epoch did.
func (v *v2Epoch) summary() V2Summary {
	if v == nil {
		return V2Summary{}
	}
	s := V2Summary{Operations: len(v.traffic.ops) + len(v.mortals.ops), Events: len(v.events), Index: v.end}
	for _, op := range v.traffic.ops {
		if !op.Known {
			s.Ambiguous++
		}
	}
	for _, e := range v.events {
		if e.Expired {
			s.Expired++
		}
	}
	return s
}

// add counts an epoch.
func (s *V2Summary) add(epoch V2Summary) {
	s.Operations += epoch.Operations
	s.Ambiguous += epoch.Ambiguous
	s.Events += epoch.Events
	s.Expired += epoch.Expired
	s.Index = epoch.Index
}

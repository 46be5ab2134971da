package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// v2Counters are those of /v2/stats/store.
type v2Counters map[string]int64

// counters asks one side.
func (s *v2Side) counters(ctx context.Context) (v2Counters, error) {
	ctx, cancel := context.WithTimeout(ctx, v2AnswerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.endpoint+"/v2/stats/store", nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	c := make(v2Counters)
	if err := json.NewDecoder(resp.Body).Decode(&c); err != nil {
		return nil, fmt.Errorf("counters of %s: %w", s.name, err)
	}
	return c, nil
}

// counters asks both sides.
func (d *v2Differential) counters(ctx context.Context) (both [2]v2Counters, err error) {
	for i, s := range d.sides {
		if both[i], err = s.counters(ctx); err != nil {
			return both, err
		}
	}
	return both, nil
}

// compareCounters compares what was counted during the run: how many of each kind there were. etcd takes some refusals for
// successes, counts a set for each path that another request cannot make, and reads what it keeps in the tree itself.
func (d *v2Differential) compareCounters(before, after [2]v2Counters) error {
	for _, kind := range [][]string{
		{"setsSuccess"}, {"expireCount"}, {"deleteSuccess", "deleteFail"}, {"updateSuccess", "updateFail"}, {"createSuccess", "createFail"},
		{"compareAndSwapSuccess", "compareAndSwapFail"}, {"compareAndDeleteSuccess", "compareAndDeleteFail"},
	} {
		var counted [2]int64
		for _, name := range kind {
			for i := range d.sides {
				now, ok := after[i][name]
				if !ok {
					return fmt.Errorf("%s has no counter %s: %v", d.sides[i].name, name, after[i])
				}
				counted[i] += now - before[i][name]
			}
		}
		if counted[0] != counted[1] {
			return fmt.Errorf("%s counts %d %v, %s %d", d.sides[0].name, counted[0], kind, d.sides[1].name, counted[1])
		}
	}
	if len(after[0]) != len(after[1]) {
		return fmt.Errorf("counters: %s has %v, %s has %v", d.sides[0].name, after[0], d.sides[1].name, after[1])
	}
	return nil
}

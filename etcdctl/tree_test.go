package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// treeIndex makes the indexes of API 2's tree those of a tree whose first change
// is the session's: etcd counts changes of members and of the cluster's version
// among the others, petcd does not.
type treeIndex struct {
	before uint64 // the index when the session began
}

// treeIndexes find an index in what etcdctl prints, and the name of an in-order
// key, which is one with twenty digits.
var treeIndexes = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^((?:Created-|Modified-)?Index: )([0-9]+)$`),
	regexp.MustCompile(`("(?:createdIndex|modifiedIndex)":)([0-9]+)`),
	regexp.MustCompile(`(\) \[)([0-9]+)\]`),
	regexp.MustCompile(`(\[)([0-9]+) != `),
	regexp.MustCompile(`( != )([0-9]+)\]`),
	regexp.MustCompile(`(index=)([0-9]+)`),
	regexp.MustCompile(`(/)(0{8}[0-9]{12})\b`),
}

// treeVarying are a key's times, and the names of members: any may be the leader.
var treeVarying = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`("expiration":")[^"]+`), "${1}TIME"},
	{regexp.MustCompile(`(?m)^TTL: [1-9][0-9]*$`), "TTL: N"},
	{regexp.MustCompile(`\bm[0-9](=http| peerURLs)`), "mx${1}"},
}

func (x *treeIndex) stable(text string) string {
	for _, pattern := range treeIndexes {
		text = pattern.ReplaceAllStringFunc(text, func(found string) string {
			m := pattern.FindStringSubmatch(found)
			index, err := strconv.ParseUint(m[2], 10, 64)
			if err != nil || index < x.before {
				return found
			}
			return strings.Replace(found, m[1]+m[2], m[1]+fmt.Sprintf("%0*d", paddedWidth(m[2]), index-x.before), 1)
		})
	}
	for _, v := range treeVarying {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	return text
}

// paddedWidth is the width that a number with leading zeros keeps.
func paddedWidth(digits string) int {
	if strings.HasPrefix(digits, "0") {
		return len(digits)
	}
	return 0
}

// learnTree learns where the tree's index stands, once nothing but the session
// moves it any more: the cluster has its version and all members their names.
func (s *session) learnTree(ctx context.Context) error {
	for {
		settled, err := s.settled(ctx)
		if err != nil {
			return err
		}
		if settled {
			break
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	index, err := s.treeIndexNow(ctx)
	s.names.tree = &treeIndex{before: index}
	return err
}

func (s *session) settled(ctx context.Context) (bool, error) {
	_, version, err := s.members[0].Get(ctx, "/version")
	if err != nil || strings.Contains(version, "not_decided") {
		return false, err
	}
	_, page, err := s.members[0].Get(ctx, "/v2/members")
	if err != nil {
		return false, err
	}
	var list struct{ Members []struct{ Name string } }
	if err := json.Unmarshal([]byte(page), &list); err != nil {
		return false, fmt.Errorf("%w in %q", err, page)
	}
	named := 0
	for _, m := range list.Members {
		if m.Name != "" {
			named++
		}
	}
	return named == len(s.members), nil
}

// treeIndexNow is the index of the tree, which errors tell.
func (s *session) treeIndexNow(ctx context.Context) (uint64, error) {
	_, page, err := s.members[0].Get(ctx, "/v2/keys/nothing")
	if err != nil {
		return 0, err
	}
	var refused struct{ Index *uint64 }
	if err := json.Unmarshal([]byte(page), &refused); err != nil || refused.Index == nil {
		return 0, fmt.Errorf("no index in %q: %w", page, err)
	}
	return *refused.Index, nil
}

// watched waits until as many watches are open as the argument says.
func (s *session) watched(arg string) error {
	want, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), besideTimeout)
	defer cancel()
	for {
		status, page, err := s.members[0].Get(ctx, "/v2/stats/store")
		if err != nil {
			return err
		}
		var stats struct{ Watchers int }
		if err := json.Unmarshal([]byte(page), &stats); err != nil || status != http.StatusOK {
			return fmt.Errorf("status %d: %q: %w", status, page, err)
		}
		if stats.Watchers == want {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%d watches are open: %w", stats.Watchers, err)
		}
	}
}

// pause lets a moment pass between two questions.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Millisecond):
		return nil
	}
}

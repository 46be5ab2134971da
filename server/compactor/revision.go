package compactor

import (
	"context"
	"time"
)

// revisionInterval is how often the history is cut to its newest revisions, as in etcd.
const revisionInterval = 5 * time.Minute

func runRevisions(ctx context.Context, r Replica, c Config) {
	ticker := time.NewTicker(revisionInterval)
	defer ticker.Stop()
	var compacted int64
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		revision := r.Revision() - c.Revisions
		if revision <= 0 || revision == compacted || !r.Status().IsLeader {
			continue
		}
		if compact(ctx, r, c, "revision", revision) {
			compacted = revision
		}
	}
}

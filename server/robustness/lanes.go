package robustness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// RunTogether runs campaigns at the same time, each on a cluster of its own, until together they did what was asked: most of
// a campaign is waiting, so a machine can take several. The first one that fails ends all.
func RunTogether(ctx context.Context, lanes []*Campaign, faults, kills int, budget time.Duration) (Summary, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sums, errs := make([]Summary, len(lanes)), make([]error, len(lanes))
	began := time.Now()
	var wg sync.WaitGroup
	for i, c := range lanes {
		wg.Go(func() {
			sums[i], errs[i] = c.Run(ctx, share(faults, len(lanes)), share(kills, len(lanes)), budget)
			if errs[i] != nil {
				if ctx.Err() != nil {
					errs[i] = nil // it was ended by another's failure
					return
				}
				errs[i] = fmt.Errorf("lane %d: %w", i, errs[i])
				cancel()
			}
		})
	}
	wg.Wait()
	var sum Summary
	for _, s := range sums {
		sum.add(s)
	}
	sum.Took = time.Since(began)
	return sum, errors.Join(errs...)
}

// share is one lane's part, rounded up.
func share(n, lanes int) int { return (n + lanes - 1) / lanes }

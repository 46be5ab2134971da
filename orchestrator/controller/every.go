package controller

import (
	"context"
	"time"

	"k8s.io/utils/clock"
)

// RunFunc is a Runner of one function, which works until ctx ends.
type RunFunc func(ctx context.Context)

// Run implements Runner.
func (f RunFunc) Run(ctx context.Context) { f(ctx) }

// Every runs f at once and then after each period, counted from when f has ended.
func Every(c clock.Clock, period time.Duration, f func(ctx context.Context)) RunFunc {
	return func(ctx context.Context) {
		for {
			f(ctx)
			select {
			case <-ctx.Done():
				return
			case <-c.After(period):
			}
		}
	}
}

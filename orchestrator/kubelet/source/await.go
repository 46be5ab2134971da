package source

import (
	"context"
	"time"

	"k8s.io/klog/v2"
)

// awaitRetry is how soon a list that failed is tried again.
const awaitRetry = time.Second

// Await returns true once a list succeeds, and false when ctx ends. An informer that is begun before the apiserver is up, or before it may
// list, backs off for up to a minute: too long for a node that has just been set up.
func Await(ctx context.Context, what string, list func(context.Context) error) bool {
	said := ""
	for {
		err := list(ctx)
		if err == nil {
			return true
		}
		if text := err.Error(); said != text && ctx.Err() == nil {
			said = text
			klog.FromContext(ctx).Info("Cannot list yet; will try again", "what", what, "err", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(awaitRetry):
		}
	}
}

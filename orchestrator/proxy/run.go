package proxy

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// retries are the pauses after syncs that failed one after another.
var retries = wait.Backoff{Duration: time.Second, Factor: 2, Cap: 30 * time.Second, Steps: 10, Jitter: 0.1}

// Run keeps the rules until ctx ends; it leaves them.
func (p *Proxy) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var informers wait.Group
	defer informers.Wait()
	defer cancel() // before waiting
	for _, i := range []cache.SharedIndexInformer{p.services, p.slices, p.node} {
		informers.StartWithContext(ctx, i.RunWithContext)
	}
	if !cache.WaitForCacheSync(ctx.Done(), p.services.HasSynced, p.slices.HasSynced, p.node.HasSynced) {
		return nil // told to end
	}
	p.touch() // also where there is no Service: rules of an earlier run may have to go
	p.loop(ctx)
	return nil
}

// loop syncs when something has changed, not too often; checks the rules at intervals; and tries failed syncs again.
func (p *Proxy) loop(ctx context.Context) {
	logger := klog.FromContext(ctx)
	check := p.Clock.NewTimer(p.SyncPeriod)
	defer check.Stop()
	backoff := retries
	var retry <-chan time.Time
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-check.C():
			check.Reset(p.SyncPeriod)
			if p.intact(ctx) {
				continue
			}
		case <-retry:
		case <-p.wake:
			if retry != nil {
				continue // what changed will be in the next try
			}
			if pause := p.MinSyncPeriod - p.Clock.Since(last); pause > 0 {
				select {
				case <-ctx.Done():
					return
				case <-p.Clock.After(pause):
				}
			}
		}
		last, retry = p.Clock.Now(), nil
		err := p.sync(ctx)
		took := p.Clock.Since(last)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNodeUnknown):
			logger.Info("Waiting for the node", "reason", err.Error()) // its change will wake us
			p.Reporter.Failed(took)
		case err != nil:
			pause := backoff.Step()
			logger.Error(err, "Sync failed; trying again", "after", pause.Round(time.Millisecond))
			p.Reporter.Failed(took)
			retry = p.Clock.After(pause)
		default:
			backoff = retries
			p.Reporter.Synced(took)
			logger.V(2).Info("Synced", "took", took)
		}
	}
}

// intact tells whether the rules are as we left them.
func (p *Proxy) intact(ctx context.Context) bool {
	ok := true
	for family, b := range p.Backends {
		err := b.Check(ctx)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Can't check the rules; writing them anew", "family", family)
		}
		ok = ok && b.Known()
	}
	return ok
}

package services

import (
	"context"
	"sync"
)

// tries remembers what requests have taken until they end. A storage may call the hooks of a request again though it was told
// before that all is well, because somebody else has changed the object meanwhile: then what was taken before was never stored, and
// would be in the request's own way.
type tries struct {
	mu sync.Mutex
	of map[context.Context]*operation
}

// remember is called when a try has gone well.
func (t *tries) remember(ctx context.Context, op *operation) {
	if ctx.Done() == nil { // it has no end: it is no request
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := t.of[ctx]; !again {
		context.AfterFunc(ctx, func() { t.forget(ctx) })
	}
	t.of[ctx] = op
}

// forget returns the try of a request before this one; nil if it is the first.
func (t *tries) forget(ctx context.Context) *operation {
	t.mu.Lock()
	defer t.mu.Unlock()
	op := t.of[ctx]
	delete(t.of, ctx)
	return op
}

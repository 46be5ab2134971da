package api

import (
	"context"
	"sync/atomic"
)

// actor is the name of a call's user as it was first found, for the request
// log. After the call it could not be asked for any more: the call itself, or
// one beside it, may have ended the token.
type actor struct{ found atomic.Pointer[string] }

// actorKey is where a context has its call's actor.
type actorKey struct{}

// withActor is ctx with an actor that is yet to be found.
func withActor(ctx context.Context) context.Context {
	return context.WithValue(ctx, actorKey{}, new(actor))
}

// actorOf is the actor of a call, nil if requests are not recorded.
func actorOf(ctx context.Context) *actor {
	a, _ := ctx.Value(actorKey{}).(*actor)
	return a
}

// note keeps the first name.
func (a *actor) note(name string) {
	if a != nil && name != "" {
		a.found.CompareAndSwap(nil, &name)
	}
}

// name is the name found, "" if there is none.
func (a *actor) name() string {
	if name := a.found.Load(); name != nil {
		return *name
	}
	return ""
}

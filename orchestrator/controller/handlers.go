package controller

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/tools/cache"
)

// On makes event handlers of functions that take typed objects; any may be nil. A deleted object arrives in its last known state.
type On[T any] struct {
	Add    func(obj T)
	Update func(old, obj T)
	Delete func(obj T)
}

// Watch registers the handlers with an informer.
func (o On[T]) Watch(informer cache.SharedIndexInformer) {
	var h cache.ResourceEventHandlerFuncs
	if o.Add != nil {
		h.AddFunc = func(obj any) {
			if t, ok := typed[T](obj); ok {
				o.Add(t)
			}
		}
	}
	if o.Update != nil {
		h.UpdateFunc = func(old, obj any) {
			was, ok1 := typed[T](old)
			is, ok2 := typed[T](obj)
			if ok1 && ok2 {
				o.Update(was, is)
			}
		}
	}
	if o.Delete != nil {
		h.DeleteFunc = func(obj any) {
			if t, ok := typed[T](obj); ok {
				o.Delete(t)
			}
		}
	}
	if _, err := informer.AddEventHandler(h); err != nil {
		runtime.HandleError(fmt.Errorf("controller: watch: %w", err)) // the informer has stopped: so does the process
	}
}

// Any calls f with whatever is added, changed or deleted.
func Any[T any](f func(obj T)) On[T] {
	return On[T]{Add: f, Update: func(_, obj T) { f(obj) }, Delete: f}
}

func typed[T any](obj any) (t T, ok bool) {
	if gone, is := obj.(cache.DeletedFinalStateUnknown); is {
		obj = gone.Obj
	}
	if t, ok = obj.(T); !ok {
		runtime.HandleError(fmt.Errorf("controller: an informer gave %T", obj))
	}
	return t, ok
}

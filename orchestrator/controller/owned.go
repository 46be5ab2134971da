package controller

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// Owned queues owners when something changes that they own or might adopt.
type Owned[T metav1.Object] struct {
	Loop *Loop
	// Kind is that of the owners.
	Kind schema.GroupVersionKind
	// Owner returns the owner of a name, from a cache.
	Owner func(namespace, name string) (metav1.Object, error)
	// Adopters returns the keys of those who select an object that nobody owns.
	Adopters func(obj T) []string
	// Expected is told what comes and what goes. It may be nil.
	Expected *Expectations
}

// Watch registers the handlers with the informer of what is owned.
func (o Owned[T]) Watch(informer cache.SharedIndexInformer) {
	On[T]{Add: o.added, Update: o.updated, Delete: o.deleted}.Watch(informer)
}

func (o Owned[T]) added(obj T) {
	if obj.GetDeletionTimestamp() != nil { // a process that has just started sees it so
		o.deleted(obj)
		return
	}
	if key := o.key(obj); key != "" {
		if o.Expected != nil {
			o.Expected.Created(key)
		}
		o.Loop.Add(key)
		return
	}
	o.offer(obj)
}

func (o Owned[T]) updated(old, obj T) {
	if obj.GetDeletionTimestamp() != nil {
		o.deleted(obj)
		return
	}
	was, is := o.key(old), o.key(obj)
	if was != "" && was != is {
		o.Loop.Add(was)
	}
	if is != "" {
		o.Loop.Add(is)
		return
	}
	o.offer(obj)
}

func (o Owned[T]) deleted(obj T) {
	key := o.key(obj)
	if key == "" {
		return
	}
	if o.Expected != nil {
		o.Expected.Deleted(key, obj.GetUID())
	}
	o.Loop.Add(key)
}

// key is the owner's, if it is of Kind and no other of its name has taken its place.
func (o Owned[T]) key(obj T) string {
	ref := metav1.GetControllerOf(obj)
	if ref == nil || ref.Kind != o.Kind.Kind {
		return ""
	}
	if group, err := schema.ParseGroupVersion(ref.APIVersion); err != nil || group.Group != o.Kind.Group {
		return ""
	}
	owner, err := o.Owner(obj.GetNamespace(), ref.Name)
	if err != nil || owner.GetUID() != ref.UID {
		return ""
	}
	return obj.GetNamespace() + "/" + ref.Name
}

// offer queues those who might adopt an orphan.
func (o Owned[T]) offer(obj T) {
	if metav1.GetControllerOf(obj) != nil {
		return
	}
	for _, key := range o.Adopters(obj) {
		o.Loop.Add(key)
	}
}

// SelectorFor returns the selector of an owner that makes objects of a template. One that selects everything, or not what the
// owner makes, is refused: such an owner would release what it made, and make more without end.
func SelectorFor(selector *metav1.LabelSelector, template labels.Set) (labels.Selector, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("selector: %w", err)
	}
	if s.Empty() || !s.Matches(template) {
		return nil, fmt.Errorf("selector %q is not one of the template's labels %q", s, template)
	}
	return s, nil
}

// Selecting returns the keys of those owners that select what has these labels. An empty selector selects nothing: nobody means
// to own everything.
func Selecting[T metav1.Object](owners []T, selector func(T) *metav1.LabelSelector, of labels.Set) (keys []string) {
	for _, owner := range owners {
		s, err := metav1.LabelSelectorAsSelector(selector(owner))
		if err == nil && !s.Empty() && s.Matches(of) {
			keys = append(keys, cache.MetaObjectToName(owner).String())
		}
	}
	return keys
}

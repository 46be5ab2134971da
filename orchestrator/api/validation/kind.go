package validation

import (
	"fmt"
	"reflect"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// scope is where objects of a kind live.
type scope int

// Where that can be.
const (
	anywhere   scope = iota // the namespace tells
	namespaced              // each has a namespace
	cluster                 // none has a namespace
)

// kind is what is checked of objects of the type T. What is nil checks nothing.
type kind[T any] struct {
	scope scope
	name  apivalidation.ValidateNameFunc // pathSegment if nil

	onCreate func(obj *T) errs      // holds of new objects only
	valid    func(obj *T) errs      // holds of every object, however it came to be as it is
	update   func(obj, old *T) errs // what a change may not do
	status   func(obj, old *T) errs // what a change of the status may not do
	warn     func(obj *T) []string  // what is allowed, but seldom meant
}

// rules is a kind whose type is forgotten, so that a table can hold it.
type rules interface {
	where() scope
	names() apivalidation.ValidateNameFunc
	create(obj runtime.Object) errs
	change(obj, old runtime.Object) errs
	changeStatus(obj, old runtime.Object) errs
	warnings(obj runtime.Object) []string
	typ() reflect.Type
}

// tableOf keys rules by the Go type of their objects.
func tableOf(all ...rules) map[reflect.Type]rules {
	t := make(map[reflect.Type]rules, len(all))
	for _, r := range all {
		if _, twice := t[r.typ()]; twice {
			panic(fmt.Sprintf("validation: two entries for %v", r.typ())) // the table is ours
		}
		t[r.typ()] = r
	}
	return t
}

// where implements rules.
func (k kind[T]) where() scope { return k.scope }

// typ implements rules.
func (k kind[T]) typ() reflect.Type { return reflect.TypeFor[*T]() }

// names implements rules. Whatever a name means, it is part of a path.
func (k kind[T]) names() apivalidation.ValidateNameFunc {
	if k.name == nil {
		return pathSegment
	}
	return k.name
}

// create implements rules.
func (k kind[T]) create(obj runtime.Object) errs {
	o, ok := any(obj).(*T)
	if !ok {
		return nil
	}
	return append(call(k.onCreate, o), call(k.valid, o)...)
}

// change implements rules. What comes out of a change has to be valid, too.
func (k kind[T]) change(obj, old runtime.Object) errs {
	o, ok := any(obj).(*T)
	if !ok {
		return nil
	}
	return append(call(k.valid, o), compare(k.update, o, old)...)
}

// changeStatus implements rules.
func (k kind[T]) changeStatus(obj, old runtime.Object) errs {
	o, ok := any(obj).(*T)
	if !ok {
		return nil
	}
	return compare(k.status, o, old)
}

// warnings implements rules.
func (k kind[T]) warnings(obj runtime.Object) []string {
	if o, ok := any(obj).(*T); ok && k.warn != nil {
		return k.warn(o)
	}
	return nil
}

// call makes a check of one object, if there is any.
func call[T any](check func(*T) errs, obj *T) errs {
	if check == nil {
		return nil
	}
	return check(obj)
}

// compare makes a check of a change, if there is any.
func compare[T any](check func(obj, old *T) errs, obj *T, old runtime.Object) errs {
	if check == nil {
		return nil
	}
	was, ok := any(old).(*T)
	if !ok {
		return errs{field.InternalError(nil, fmt.Errorf("a %T cannot take the place of a %T", obj, old))}
	}
	return check(obj, was)
}

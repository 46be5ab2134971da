package tables

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/clock"
)

// Converter is the rest.TableConvertor of all resources. It may be used by several goroutines.
type Converter struct {
	clock    clock.PassiveClock // ages are relative to it
	printers map[reflect.Type]printer
	fallback rest.TableConvertor
}

// New returns a converter that knows the kinds of k8s.io/api that kubectl users know a table for.
func New() *Converter {
	c := &Converter{
		clock:    clock.RealClock{},
		printers: map[reflect.Type]printer{},
		fallback: rest.NewDefaultTableConvertor(schema.GroupResource{}),
	}
	all := slices.Concat(pods(), nodes(), services(), events(), core(), apps(), autoscaling(), batch(), certificates(), coordination(),
		networking(), policy(), rbac(), scheduling(), storage(), statuses())
	for _, p := range all {
		c.printers[p.of] = p
	}
	return c
}

// ConvertToTable implements rest.TableConvertor for an object or a list. Each row's Object is the object itself; the handler
// replaces it by what the client wants to have of it.
func (c *Converter) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	p, ok := c.printers[kindOf(obj)]
	if !ok {
		return c.fallback.ConvertToTable(ctx, obj, options)
	}
	var table metav1.Table
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		table.ColumnDefinitions = slices.Clone(p.columns)
	}
	at := now{c.clock.Now()}
	if !meta.IsListType(obj) {
		table.Rows = []metav1.TableRow{p.row(obj, at)}
		if m, err := meta.CommonAccessor(obj); err == nil {
			table.ResourceVersion = m.GetResourceVersion()
		}
		return &table, nil
	}
	table.Rows = make([]metav1.TableRow, 0, meta.LenList(obj))
	err := meta.EachListItem(obj, func(item runtime.Object) error {
		table.Rows = append(table.Rows, p.row(item, at))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("table of %T: %w", obj, err)
	}
	if m, err := meta.ListAccessor(obj); err == nil {
		table.ResourceVersion = m.GetResourceVersion()
		table.Continue = m.GetContinue()
		table.RemainingItemCount = m.GetRemainingItemCount()
	}
	return &table, nil
}

// kindOf returns the type of an object, or of a list's items.
func kindOf(obj runtime.Object) reflect.Type {
	if meta.IsListType(obj) {
		if items, err := meta.GetItemsPtr(obj); err == nil {
			return reflect.PointerTo(reflect.TypeOf(items).Elem().Elem())
		}
	}
	return reflect.TypeOf(obj)
}

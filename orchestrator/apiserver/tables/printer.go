package tables

import (
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// printer is the table of a kind.
type printer struct {
	of         reflect.Type
	columns    columns
	cells      func(obj runtime.Object, at now) []any
	conditions func(obj runtime.Object) []metav1.TableRowCondition // may be nil
}

// printerOf returns the printer of the type that cells takes.
func printerOf[T runtime.Object](c columns, cells func(obj T, at now) []any) printer {
	return printer{
		of: reflect.TypeFor[T](), columns: c,
		cells: func(obj runtime.Object, at now) []any { return cells(as[T](obj), at) },
	}
}

// as is what obj is known to be: the converter finds printers by type.
func as[T runtime.Object](obj runtime.Object) T {
	t, ok := obj.(T)
	if !ok {
		panic(fmt.Sprintf("tables: the printer of %T was given %T", t, obj))
	}
	return t
}

// row is one object's.
func (p printer) row(obj runtime.Object, at now) metav1.TableRow {
	row := metav1.TableRow{Cells: p.cells(obj, at), Object: runtime.RawExtension{Object: obj}}
	if p.conditions != nil {
		row.Conditions = p.conditions(obj)
	}
	return row
}

// columns are in the order of the cells.
type columns []metav1.TableColumnDefinition

// Types of columns. Upstream is not strict about them: some that hold numbers are strings.
const (
	text   = "string"
	number = "integer"
	truth  = "boolean"
)

// col is a column that is always shown.
func col(name, typ, description string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: typ, Description: description}
}

// wide is a column for kubectl get -o wide.
func wide(name, description string) metav1.TableColumnDefinition {
	return metav1.TableColumnDefinition{Name: name, Type: text, Description: description, Priority: 1}
}

// nameColumn is marked, for clients that want the name and nothing else.
func nameColumn() metav1.TableColumnDefinition {
	c := col("Name", text, metav1.ObjectMeta{}.SwaggerDoc()["name"])
	c.Format = "name"
	return c
}

// ageColumn holds what now.age returns.
func ageColumn() metav1.TableColumnDefinition {
	return col("Age", text, metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"])
}

// containersColumn and imagesColumn hold what containerCells returns.
func containersColumn() metav1.TableColumnDefinition {
	return wide("Containers", "Names of each container in the template.")
}

// imagesColumn follows containersColumn.
func imagesColumn() metav1.TableColumnDefinition {
	return wide("Images", "Images referenced by each container in the template.")
}

package validation

import (
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Create says what is wrong with an object that shall come into being. Its name has been generated already.
func Create(obj runtime.Object) field.ErrorList {
	k := rulesOf(obj)
	return append(createMeta(obj, k.where(), k.names()), k.create(obj)...)
}

// Update says what is wrong with an object that shall take the place of old: with the object itself, and with the change.
func Update(obj, old runtime.Object) field.ErrorList {
	k := rulesOf(obj)
	return append(updateMeta(obj, old), k.change(obj, old)...)
}

// UpdateStatus says what is wrong with a change of the status. The spec is the old one: the registry has seen to that.
func UpdateStatus(obj, old runtime.Object) field.ErrorList {
	k := rulesOf(obj)
	return append(updateMeta(obj, old), k.changeStatus(obj, old)...)
}

// rulesOf returns the rules of an object's kind, or those of a kind that is not known.
func rulesOf(obj runtime.Object) rules {
	if k, ok := kinds[reflect.TypeOf(obj)]; ok {
		return k
	}
	return kind[struct{}]{scope: anywhere, name: pathSegment}
}

// metaPath is where all objects have their metadata.
var metaPath = field.NewPath("metadata")

// createMeta checks the metadata of a new object.
func createMeta(obj runtime.Object, where scope, name apivalidation.ValidateNameFunc) errs {
	m, err := meta.Accessor(obj)
	if err != nil {
		return errs{field.InternalError(metaPath, err)}
	}
	return append(apivalidation.ValidateObjectMetaAccessor(m, needsNamespace(m, where), name, metaPath), finalizers(m)...)
}

// updateMeta checks that metadata changed in no way in which it can't.
func updateMeta(obj, old runtime.Object) errs {
	m, err := meta.Accessor(obj)
	if err != nil {
		return errs{field.InternalError(metaPath, err)}
	}
	was, err := meta.Accessor(old)
	if err != nil {
		return errs{field.InternalError(metaPath, err)}
	}
	return append(apivalidation.ValidateObjectMetaAccessorUpdate(m, was, metaPath), finalizers(m)...)
}

// finalizers checks names that the library lets through, since custom resources may have them.
func finalizers(m metav1.Object) errs {
	return each(metaPath.Child("finalizers"), m.GetFinalizers(), func(at path, f *string) errs { return standardFinalizer(at, *f) })
}

// needsNamespace tells whether an object has to have one; if it hasn't to, it must not.
func needsNamespace(m metav1.Object, where scope) bool {
	return where == namespaced || where == anywhere && m.GetNamespace() != ""
}

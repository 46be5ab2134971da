package registry

import (
	"context"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/petcd/petcd/orchestrator/api/validation"
)

// fieldSet is what a strategy resets whatever a client sends.
type fieldSet = fieldpath.Set

// strategy is what happens to the objects of a kind between a request and the store.
type strategy struct {
	runtime.ObjectTyper
	kind *Kind
}

var _ rest.RESTCreateUpdateStrategy = (*strategy)(nil)

// GenerateName implements names.NameGenerator.
func (s *strategy) GenerateName(base string) string {
	return names.SimpleNameGenerator.GenerateName(base)
}

// NamespaceScoped implements rest.RESTCreateStrategy.
func (s *strategy) NamespaceScoped() bool { return s.kind.Namespaced }

// AllowCreateOnUpdate implements rest.RESTUpdateStrategy.
func (s *strategy) AllowCreateOnUpdate(context.Context) bool { return s.kind.CreatedByUpdate }

// AllowUnconditionalUpdate implements rest.RESTUpdateStrategy.
func (s *strategy) AllowUnconditionalUpdate(context.Context) bool { return !s.kind.VersionedUpdates }

// Canonicalize implements rest.RESTCreateStrategy.
func (s *strategy) Canonicalize(runtime.Object) {}

// PrepareForCreate implements rest.RESTCreateStrategy.
func (s *strategy) PrepareForCreate(ctx context.Context, obj runtime.Object) {
	if s.kind.HasStatus && !s.kind.StatusAtCreation {
		part(obj, "Status").SetZero()
	}
	if s.kind.Generations {
		setGeneration(obj, 1)
	}
	if s.kind.Prepare != nil {
		s.kind.Prepare(ctx, obj)
	}
}

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (s *strategy) PrepareForUpdate(ctx context.Context, obj, old runtime.Object) {
	if s.kind.HasStatus {
		part(obj, "Status").Set(part(old, "Status"))
	}
	if s.kind.PrepareUpdate != nil {
		s.kind.PrepareUpdate(ctx, obj, old)
	}
	if s.kind.Generations {
		s.countGeneration(obj, old)
	}
}

// countGeneration counts a change of what is asked for. The beginning of a deletion is one.
func (s *strategy) countGeneration(obj, old runtime.Object) {
	was, err := meta.Accessor(old)
	if err != nil {
		return
	}
	is, err := meta.Accessor(obj)
	if err != nil {
		return
	}
	generation := was.GetGeneration()
	same := equality.Semantic.DeepEqual(part(obj, "Spec").Interface(), part(old, "Spec").Interface())
	if !same || (was.GetDeletionTimestamp() == nil && is.GetDeletionTimestamp() != nil) {
		generation++
	}
	is.SetGeneration(generation)
}

// Validate implements rest.RESTCreateStrategy.
func (s *strategy) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	return validation.Create(obj)
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (s *strategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return validation.Update(obj, old)
}

// WarningsOnCreate implements rest.RESTCreateStrategy.
func (s *strategy) WarningsOnCreate(_ context.Context, obj runtime.Object) []string {
	return validation.Warnings(obj)
}

// WarningsOnUpdate implements rest.RESTUpdateStrategy.
func (s *strategy) WarningsOnUpdate(_ context.Context, obj, _ runtime.Object) []string {
	return validation.Warnings(obj)
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (s *strategy) GetResetFields() map[fieldpath.APIVersion]*fieldSet {
	if !s.kind.HasStatus {
		return nil
	}
	return s.reset("status")
}

func (s *strategy) reset(name string) map[fieldpath.APIVersion]*fieldSet {
	return map[fieldpath.APIVersion]*fieldSet{
		fieldpath.APIVersion(s.kind.GVK.GroupVersion().String()): fieldpath.NewSet(fieldpath.MakePathOrDie(name)),
	}
}

// statusStrategy is the strategy for the status subresource.
type statusStrategy struct{ *strategy }

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (s *statusStrategy) PrepareForUpdate(ctx context.Context, obj, old runtime.Object) {
	if spec := part(obj, "Spec"); spec.IsValid() {
		spec.Set(part(old, "Spec"))
	}
	if s.kind.PrepareStatus != nil {
		s.kind.PrepareStatus(ctx, obj, old)
	}
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (s *statusStrategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return validation.UpdateStatus(obj, old)
}

// WarningsOnUpdate implements rest.RESTUpdateStrategy.
func (s *statusStrategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (s *statusStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldSet { return s.reset("spec") }

// deletion is the strategy that a kind's deletions need.
func (k *Kind) deletion(s *strategy) rest.RESTDeleteStrategy {
	switch {
	case k.Grace != nil:
		return &gracefulStrategy{s}
	case k.OrphansByDefault:
		return &orphaningStrategy{s}
	}
	return s
}

// gracefulStrategy lets objects stay for a while when they are deleted.
type gracefulStrategy struct{ *strategy }

// CheckGracefulDelete implements rest.RESTGracefulDeleteStrategy.
func (s *gracefulStrategy) CheckGracefulDelete(_ context.Context, obj runtime.Object, options *metav1.DeleteOptions) bool {
	if options == nil {
		return false
	}
	period := s.kind.Grace(obj, options)
	options.GracePeriodSeconds = &period
	return true
}

// orphaningStrategy leaves what a deleted object owned.
type orphaningStrategy struct{ *strategy }

// DefaultGarbageCollectionPolicy implements rest.GarbageCollectionDeleteStrategy.
func (s *orphaningStrategy) DefaultGarbageCollectionPolicy(context.Context) rest.GarbageCollectionPolicy {
	return rest.OrphanDependents
}

// part is a field of an object: its Spec or Status.
func part(obj runtime.Object, name string) reflect.Value {
	return reflect.ValueOf(obj).Elem().FieldByName(name)
}

func setGeneration(obj runtime.Object, n int64) {
	if m, err := meta.Accessor(obj); err == nil {
		m.SetGeneration(n)
	}
}

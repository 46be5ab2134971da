package registry

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/petcd/petcd/orchestrator/api"
)

// Kind describes how the objects of a kind are kept and served.
type Kind struct {
	GVK        schema.GroupVersionKind
	Plural     string
	Singular   string
	ShortNames []string
	Categories []string
	Namespaced bool

	// HasStatus: the object's Status is set at the subresource of that name only, and its Spec not there.
	HasStatus bool
	// StatusAtCreation: whoever creates the object sets its status, as kubelets do for their nodes.
	StatusAtCreation bool
	// Generations: metadata.generation counts the changes of Spec.
	Generations bool
	// CreatedByUpdate: a PUT of what does not exist creates it.
	CreatedByUpdate bool
	// VersionedUpdates: an update must say which version it changes; elsewhere one that does not overwrites.
	VersionedUpdates bool
	// OrphansByDefault: a deletion that does not say otherwise leaves what the object owns.
	OrphansByDefault bool

	// Prepare fills in, at creation, what depends on the request or the moment; nil for nothing.
	Prepare func(ctx context.Context, obj runtime.Object)
	// PrepareUpdate does so at an update, and keeps what an update cannot change.
	PrepareUpdate func(ctx context.Context, obj, old runtime.Object)
	// PrepareStatus does so at an update of the status.
	PrepareStatus func(ctx context.Context, obj, old runtime.Object)
	// MayEnd: an update after which nothing holds an object that is being deleted ends it only if this says so, too; nil for always.
	MayEnd func(obj runtime.Object) bool
	// Grace is how long, in seconds, an object that is being deleted stays; nil: it goes at once.
	Grace func(obj runtime.Object, options *metav1.DeleteOptions) int64
	// TTL is when objects end by themselves, in seconds; 0 for never.
	TTL uint64
	// Index is a field by which many watch, each one value: a change is shown to those alone whose value it is.
	Index string
}

// resource is the kind's name in paths.
func (k *Kind) resource() schema.GroupResource {
	return schema.GroupResource{Group: k.GVK.Group, Resource: k.Plural}
}

// Builder makes the storage of kinds.
type Builder struct {
	Scheme *runtime.Scheme
	Tables rest.TableConvertor
	Getter generic.RESTOptionsGetter
}

// Store serves the objects of a kind.
type Store struct {
	*genericregistry.Store
	kind *Kind
}

// ShortNames implements rest.ShortNamesProvider.
func (s *Store) ShortNames() []string { return s.kind.ShortNames }

// Categories implements rest.CategoriesProvider.
func (s *Store) Categories() []string { return s.kind.Categories }

// Status serves the status of a kind's objects.
type Status struct{ store *genericregistry.Store }

// New implements rest.Storage.
func (s *Status) New() runtime.Object { return s.store.New() }

// Destroy implements rest.Storage; the store is the other one's.
func (s *Status) Destroy() {}

// Get implements rest.Getter.
func (s *Status) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, o)
}

// Update implements rest.Updater. A status is never created alone.
func (s *Status) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, info, create, update, false, o)
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (s *Status) GetResetFields() map[fieldpath.APIVersion]*fieldSet { return s.store.GetResetFields() }

// ConvertToTable implements rest.TableConvertor.
func (s *Status) ConvertToTable(ctx context.Context, o, options runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, o, options)
}

// Build makes the storage of a kind, and of its status if it has one.
func (b *Builder) Build(k *Kind) (*Store, *Status, error) {
	obj, list, err := b.examples(k)
	if err != nil {
		return nil, nil, err
	}
	main := &strategy{ObjectTyper: b.Scheme, kind: k}
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return obj.DeepCopyObject() },
		NewListFunc:               func() runtime.Object { return list.DeepCopyObject() },
		DefaultQualifiedResource:  k.resource(),
		SingularQualifiedResource: schema.GroupResource{Group: k.GVK.Group, Resource: k.Singular},
		PredicateFunc:             k.match,
		CreateStrategy:            main,
		UpdateStrategy:            main,
		DeleteStrategy:            k.deletion(main),
		ResetFieldsStrategy:       main,
		TableConvertor:            b.Tables,
	}
	if k.MayEnd != nil {
		store.ShouldDeleteDuringUpdate = func(_ context.Context, _ string, obj, _ runtime.Object) bool { return k.MayEnd(obj) }
	}
	if k.TTL > 0 {
		store.TTLFunc = func(runtime.Object, uint64, bool) (uint64, error) { return k.TTL, nil }
	}
	options := &generic.StoreOptions{RESTOptions: b.Getter, AttrFunc: k.attributes}
	if k.Index != "" {
		options.TriggerFunc = map[string]storage.IndexerFunc{k.Index: k.indexed}
		options.Indexers = &cache.Indexers{
			storage.FieldIndex(k.Index): func(obj any) ([]string, error) { return []string{k.indexed(obj.(runtime.Object))}, nil },
		}
	}
	if err := store.CompleteWithOptions(options); err != nil {
		return nil, nil, fmt.Errorf("registry: %s: %w", k.Plural, err)
	}
	made := &Store{store, k}
	if !k.HasStatus {
		return made, nil, nil
	}
	return made, made.with(&statusStrategy{main}), nil
}

// updating is a strategy of a subresource.
type updating interface {
	rest.RESTUpdateStrategy
	rest.ResetFieldsStrategy
}

// with is a subresource by which the same objects are updated in another way.
func (s *Store) with(u updating) *Status {
	same := *s.Store
	same.UpdateStrategy, same.ResetFieldsStrategy = u, u
	return &Status{&same}
}

// strategy is what happens to the objects on the main way.
func (s *Store) strategy() *strategy { return &strategy{ObjectTyper: s.CreateStrategy, kind: s.kind} }

// examples are an empty object and an empty list of a kind.
func (b *Builder) examples(k *Kind) (obj, list runtime.Object, err error) {
	if obj, err = b.Scheme.New(k.GVK); err == nil {
		list, err = b.Scheme.New(k.GVK.GroupVersion().WithKind(k.GVK.Kind + "List"))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("registry: %s: %w", k.Plural, err)
	}
	return obj, list, nil
}

func (k *Kind) indexed(obj runtime.Object) string { return api.Fields(k.GVK, obj)[k.Index] }

// attributes are what selectors match.
func (k *Kind) attributes(obj runtime.Object) (labels.Set, fields.Set, error) {
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil, nil, err
	}
	set := api.Fields(k.GVK, obj)
	set["metadata.name"] = m.GetName()
	if k.Namespaced {
		set["metadata.namespace"] = m.GetNamespace()
	}
	return m.GetLabels(), set, nil
}

func (k *Kind) match(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
	p := storage.SelectionPredicate{Label: label, Field: field, GetAttrs: k.attributes}
	if k.Index != "" {
		p.IndexFields = []string{k.Index}
	}
	return p
}

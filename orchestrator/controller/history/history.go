package history

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
)

// History is the templates of the owners of one kind.
type History struct {
	Client kubernetes.Interface
	Lister listers.ControllerRevisionLister
	Kind   schema.GroupVersionKind
	// HashLabel is the label of a revision that holds the template's hash.
	HashLabel string
}

// Of returns an owner's revisions, adopted ones too, by their numbers. alive reads the owner from the apiserver.
func (h *History) Of(ctx context.Context, owner controller.Owner, selector labels.Selector,
	alive func(context.Context) (metav1.Object, error),
) ([]*apps.ControllerRevision, error) {
	candidates, err := h.Lister.ControllerRevisions(owner.GetNamespace()).List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list revisions: %w", err)
	}
	claim := controller.Claim[*apps.ControllerRevision]{
		Owner: owner, Kind: h.Kind, Selector: selector, Alive: alive,
		Patch: func(ctx context.Context, rev *apps.ControllerRevision, patch []byte) error {
			revisions := h.Client.AppsV1().ControllerRevisions(rev.Namespace)
			_, err := revisions.Patch(ctx, rev.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
			return err
		},
	}
	revisions, err := claim.Of(ctx, candidates)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(revisions, func(a, b *apps.ControllerRevision) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return revisions, nil
}

// Current returns the revision of a template and gives it the highest number. If there is none it makes one; collisions, which
// may be nil, is the owner's count of names that were taken, and is returned as it is then.
func (h *History) Current(ctx context.Context, owner controller.Owner, template *v1.PodTemplateSpec,
	revisions []*apps.ControllerRevision, collisions *int32,
) (*apps.ControllerRevision, *int32, error) {
	next := int64(1)
	var current *apps.ControllerRevision
	for _, rev := range revisions {
		if Same(rev, template) {
			current = rev // the last of several
		}
	}
	for _, rev := range revisions {
		if rev != current {
			next = max(next, rev.Revision+1)
		}
	}
	if current == nil {
		return h.create(ctx, owner, template, next, collisions)
	}
	if current.Revision >= next {
		return current, collisions, nil
	}
	renumbered := current.DeepCopy()
	renumbered.Revision = next
	updated, err := h.Client.AppsV1().ControllerRevisions(owner.GetNamespace()).Update(ctx, renumbered, metav1.UpdateOptions{})
	if err != nil {
		return nil, collisions, fmt.Errorf("renumber revision %s: %w", current.Name, err)
	}
	return updated, collisions, nil
}

func (h *History) create(ctx context.Context, owner controller.Owner, template *v1.PodTemplateSpec,
	number int64, collisions *int32,
) (*apps.ControllerRevision, *int32, error) {
	data, err := encode(template)
	if err != nil {
		return nil, collisions, err
	}
	client := h.Client.AppsV1().ControllerRevisions(owner.GetNamespace())
	for {
		hash := controller.TemplateHash(template, collisions)
		rev := &apps.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: owner.GetNamespace(), Name: owner.GetName() + "-" + hash, Annotations: owner.GetAnnotations(),
				Labels:          labels.Merge(template.Labels, labels.Set{h.HashLabel: hash}),
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, h.Kind)},
			},
			Data: runtime.RawExtension{Raw: data}, Revision: number,
		}
		made, err := client.Create(ctx, rev, metav1.CreateOptions{})
		if err == nil {
			return made, collisions, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return nil, collisions, fmt.Errorf("create revision %s: %w", rev.Name, err)
		}
		there, err := client.Get(ctx, rev.Name, metav1.GetOptions{})
		if err != nil {
			return nil, collisions, fmt.Errorf("read revision %s: %w", rev.Name, err)
		}
		if metav1.IsControlledBy(there, owner) && Same(there, template) {
			return there, collisions, nil // the cache has not shown it yet
		}
		collisions = ptr.To(ptr.Deref(collisions, 0) + 1)
	}
}

// Cut deletes the oldest revisions that are not in use, of which no more than limit are kept; nil keeps all.
func (h *History) Cut(ctx context.Context, revisions []*apps.ControllerRevision,
	inUse func(*apps.ControllerRevision) bool, limit *int32,
) error {
	if limit == nil {
		return nil
	}
	unused := slices.DeleteFunc(slices.Clone(revisions), inUse)
	for _, rev := range unused[:max(0, len(unused)-int(max(0, *limit)))] {
		err := h.Client.AppsV1().ControllerRevisions(rev.Namespace).Delete(ctx, rev.Name,
			metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(rev.UID))})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete revision %s: %w", rev.Name, err)
		}
	}
	return nil
}

// Template returns the template that a revision holds.
func Template(rev *apps.ControllerRevision) (*v1.PodTemplateSpec, error) {
	var data struct {
		Spec struct {
			Template *v1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(rev.Data.Raw, &data); err != nil {
		return nil, fmt.Errorf("revision %s/%s: %w", rev.Namespace, rev.Name, err)
	}
	if data.Spec.Template == nil {
		return nil, fmt.Errorf("revision %s/%s holds no template", rev.Namespace, rev.Name)
	}
	return data.Spec.Template, nil
}

// Same tells that a revision is of a template.
func Same(rev *apps.ControllerRevision, template *v1.PodTemplateSpec) bool {
	t, err := Template(rev)
	return err == nil && apiequality.Semantic.DeepEqual(t, template)
}

// encode makes the strategic merge patch that puts a template in the place of any other.
func encode(template *v1.PodTemplateSpec) ([]byte, error) {
	raw, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("encode template: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("encode template: %w", err)
	}
	fields["$patch"] = "replace"
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"template": fields}})
	if err != nil {
		return nil, fmt.Errorf("encode template: %w", err)
	}
	return data, nil
}

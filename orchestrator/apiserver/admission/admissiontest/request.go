package admissiontest

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes/scheme"
)

// Request is what reaches a plugin. What is left out follows from the object.
type Request struct {
	Op          admission.Operation // empty: Create without Old, else Update
	Object, Old runtime.Object
	Resource    string // as in "deployments.v1.apps", or "pods"; empty: the object's
	Subresource string
	Namespace   string
	Name        string
	User        user.Info
	DryRun      bool
}

// Attributes is the request as plugins see it.
func (r Request) Attributes() admission.Attributes {
	obj := r.Object
	if obj == nil {
		obj = r.Old
	}
	kind, resource, namespace, name := schema.GroupVersionKind{}, schema.GroupVersionResource{}, r.Namespace, r.Name
	if obj != nil {
		if kinds, _, err := scheme.Scheme.ObjectKinds(obj); err == nil {
			kind = kinds[0]
			resource, _ = meta.UnsafeGuessKindToResource(kind)
		}
		if m, err := meta.Accessor(obj); err == nil {
			if namespace == "" {
				namespace = m.GetNamespace()
			}
			if name == "" {
				name = m.GetName()
			}
		}
	}
	if r.Resource != "" {
		if full, _ := schema.ParseResourceArg(r.Resource); full != nil {
			resource = *full
		} else {
			resource = schema.GroupVersionResource{Version: "v1", Resource: r.Resource}
		}
	}
	op := r.Op
	switch {
	case op != "":
	case r.Old == nil:
		op = admission.Create
	default:
		op = admission.Update
	}
	who := r.User
	if who == nil {
		who = &user.DefaultInfo{Name: "somebody"}
	}
	return admission.NewAttributesRecord(r.Object, r.Old, kind, namespace, name, resource, r.Subresource, op, nil, r.DryRun, who)
}

// Send has a plugin mutate and then validate a request, as the apiserver does.
func Send(ctx context.Context, plugin admission.Interface, r Request) error {
	a := r.Attributes()
	if !plugin.Handles(a.GetOperation()) {
		return nil
	}
	if m, ok := plugin.(admission.MutationInterface); ok {
		if err := m.Admit(ctx, a, nil); err != nil {
			return err
		}
	}
	if v, ok := plugin.(admission.ValidationInterface); ok {
		return v.Validate(ctx, a, nil)
	}
	return nil
}

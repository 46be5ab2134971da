package ownerreferencespermission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"
)

// Name is the plugin's in --enable-admission-plugins.
const Name = "OwnerReferencesPermissionEnforcement"

// Register makes the plugin known by its name.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin keeps the rules of the package.
type Plugin struct {
	*admission.Handler
	authorizer authorizer.UnconditionalAuthorizer
	mapper     meta.RESTMapper
}

// New returns a plugin that still wants an authorizer and a mapper.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update)} }

// SetUnconditionalAuthorizer implements initializer.WantsUnconditionalAuthorizer.
func (p *Plugin) SetUnconditionalAuthorizer(a authorizer.UnconditionalAuthorizer) { p.authorizer = a }

// SetRESTMapper implements initializer.WantsRESTMapper.
func (p *Plugin) SetRESTMapper(m meta.RESTMapper) { p.mapper = m }

// ValidateInitialization implements admission.InitializationValidator.
func (p *Plugin) ValidateInitialization() error {
	if p.authorizer == nil || p.mapper == nil {
		return errors.New(Name + " needs an authorizer and a mapper of kinds")
	}
	return nil
}

// Validate implements admission.ValidationInterface.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	// Kubelets write it without the right to delete pods of others.
	if a.GetResource().GroupResource() == corev1.Resource("pods") && a.GetSubresource() == "status" {
		return nil
	}
	is, was := owners(a.GetObject()), owners(a.GetOldObject())
	if equality.Semantic.DeepEqual(is, was) {
		return nil
	}
	may := authorizer.AttributesRecord{
		User: a.GetUserInfo(), Verb: "delete", Namespace: a.GetNamespace(), Name: a.GetName(), ResourceRequest: true,
		APIGroup: a.GetResource().Group, APIVersion: a.GetResource().Version, Resource: a.GetResource().Resource,
	}
	// A right to one object counts once it has its name.
	if a.GetOperation() == admission.Create {
		may.Name = ""
	}
	if decision, reason, err := p.authorizer.Authorize(ctx, may); decision != authorizer.DecisionAllow {
		return admission.NewForbidden(a, fmt.Errorf("cannot set an ownerRef on a resource you can't delete: %v, %w", reason, cause(err)))
	}
	for _, owner := range newlyBlocked(is, was) {
		if err := p.mayBlock(ctx, a, owner); err != nil {
			return admission.NewForbidden(a, err)
		}
	}
	return nil
}

// mayBlock refuses an owner whose finalizers the user may not change.
func (p *Plugin) mayBlock(ctx context.Context, a admission.Attributes, owner metav1.OwnerReference) error {
	unknown := func(err error) error {
		return fmt.Errorf("cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion %v Kind %v: %w",
			owner.APIVersion, owner.Kind, err)
	}
	version, err := schema.ParseGroupVersion(owner.APIVersion)
	if err != nil {
		return unknown(err)
	}
	mappings, err := p.mapper.RESTMappings(schema.GroupKind{Group: version.Group, Kind: owner.Kind}, version.Version)
	if err != nil {
		return unknown(err)
	}
	for _, m := range mappings {
		may := authorizer.AttributesRecord{
			User: a.GetUserInfo(), Verb: "update", Name: owner.Name, ResourceRequest: true, Subresource: "finalizers",
			APIGroup: m.Resource.Group, APIVersion: m.Resource.Version, Resource: m.Resource.Resource,
		}
		if m.Scope.Name() == meta.RESTScopeNameNamespace {
			may.Namespace = a.GetNamespace()
		}
		if decision, reason, err := p.authorizer.Authorize(ctx, may); decision != authorizer.DecisionAllow {
			return fmt.Errorf("cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: %v, %w",
				reason, cause(err))
		}
	}
	return nil
}

// cause is what to wrap of an authorizer's answer, which may be a refusal without an error.
func cause(err error) error {
	if err == nil {
		return errors.New("<nil>")
	}
	return err
}

// owners are none of what has no metadata.
func owners(obj runtime.Object) []metav1.OwnerReference {
	if obj == nil {
		return nil
	}
	m, err := meta.Accessor(obj)
	if err != nil { // a review, or a part of an object
		return nil
	}
	return m.GetOwnerReferences()
}

// newlyBlocked are the owners that were free to go before.
func newlyBlocked(is, was []metav1.OwnerReference) (blocked []metav1.OwnerReference) {
	for _, owner := range is {
		if !ptr.Deref(owner.BlockOwnerDeletion, false) {
			continue
		}
		already := slices.ContainsFunc(was, func(o metav1.OwnerReference) bool {
			return o.UID == owner.UID && ptr.Deref(o.BlockOwnerDeletion, false)
		})
		if !already {
			blocked = append(blocked, owner)
		}
	}
	return blocked
}

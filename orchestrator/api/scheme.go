package api

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/petcd/petcd/orchestrator/api/defaults"
)

// groups are the served groups in their one version, in the order of discovery.
var groups = []struct {
	version schema.GroupVersion
	add     func(*runtime.Scheme) error
}{
	{corev1.SchemeGroupVersion, corev1.AddToScheme},
	{appsv1.SchemeGroupVersion, appsv1.AddToScheme},
	{authenticationv1.SchemeGroupVersion, authenticationv1.AddToScheme},
	{authorizationv1.SchemeGroupVersion, authorizationv1.AddToScheme},
	{autoscalingv1.SchemeGroupVersion, autoscalingv1.AddToScheme}, // for Scale alone: there are no autoscalers
	{batchv1.SchemeGroupVersion, batchv1.AddToScheme},
	{certificatesv1.SchemeGroupVersion, certificatesv1.AddToScheme},
	{coordinationv1.SchemeGroupVersion, coordinationv1.AddToScheme},
	{discoveryv1.SchemeGroupVersion, discoveryv1.AddToScheme},
	{networkingv1.SchemeGroupVersion, networkingv1.AddToScheme},
	{policyv1.SchemeGroupVersion, policyv1.AddToScheme},
	{rbacv1.SchemeGroupVersion, rbacv1.AddToScheme},
	{schedulingv1.SchemeGroupVersion, schedulingv1.AddToScheme},
	{storagev1.SchemeGroupVersion, storagev1.AddToScheme},
}

// NewScheme returns the scheme, with defaults, field labels and the forms of query parameters.
func NewScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, g := range groups {
		if err := g.add(s); err != nil {
			return nil, fmt.Errorf("api: %v: %w", g.version, err)
		}
		addInternal(s, g.version)
		if err := s.SetVersionPriority(g.version); err != nil {
			return nil, fmt.Errorf("api: %v: %w", g.version, err)
		}
	}
	if err := metainternalversion.AddToScheme(s); err != nil {
		return nil, fmt.Errorf("api: list options: %w", err)
	}
	unversioned := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(s, unversioned)
	s.AddUnversionedTypes(unversioned, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	if err := addQueryParameters(s); err != nil {
		return nil, fmt.Errorf("api: query parameters: %w", err)
	}
	if err := addFieldLabels(s); err != nil {
		return nil, fmt.Errorf("api: field labels: %w", err)
	}
	defaults.Register(s)
	return s, nil
}

// addInternal makes the types of a version the group's internal form, too.
func addInternal(s *runtime.Scheme, gv schema.GroupVersion) {
	internal := schema.GroupVersion{Group: gv.Group, Version: runtime.APIVersionInternal}
	for kind, typ := range s.KnownTypes(gv) {
		if !strings.HasPrefix(typ.PkgPath(), "k8s.io/api/") {
			continue // options and watch events have their own
		}
		obj, err := s.New(gv.WithKind(kind))
		if err != nil {
			panic("api: a type that was registered a moment ago: " + err.Error())
		}
		s.AddKnownTypeWithName(internal.WithKind(kind), obj)
	}
}

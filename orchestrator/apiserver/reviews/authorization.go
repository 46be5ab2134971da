package reviews

import (
	"context"
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Authorization returns the questions of authorization.k8s.io/v1: may I, may this user, may this user in this namespace, what may I.
func Authorization(a authorizer.Authorizer, resolver authorizer.RuleResolver) map[string]rest.Storage {
	s := &access{a, resolver}
	return map[string]rest.Storage{
		"selfsubjectaccessreviews": &review[*authorizationv1.SelfSubjectAccessReview]{
			singular: "selfsubjectaccessreview",
			make:     func() *authorizationv1.SelfSubjectAccessReview { return &authorizationv1.SelfSubjectAccessReview{} },
			check:    checkSelf, answer: s.self,
		},
		"subjectaccessreviews": &review[*authorizationv1.SubjectAccessReview]{
			singular: "subjectaccessreview",
			make:     func() *authorizationv1.SubjectAccessReview { return &authorizationv1.SubjectAccessReview{} },
			check:    checkSubject, answer: s.subject,
		},
		"localsubjectaccessreviews": &review[*authorizationv1.LocalSubjectAccessReview]{
			singular: "localsubjectaccessreview", namespaced: true,
			make:  func() *authorizationv1.LocalSubjectAccessReview { return &authorizationv1.LocalSubjectAccessReview{} },
			check: checkLocal, answer: s.local,
		},
		"selfsubjectrulesreviews": &review[*authorizationv1.SelfSubjectRulesReview]{
			singular: "selfsubjectrulesreview",
			make:     func() *authorizationv1.SelfSubjectRulesReview { return &authorizationv1.SelfSubjectRulesReview{} },
			answer:   s.rules,
		},
	}
}

type access struct {
	authorizer authorizer.Authorizer
	resolver   authorizer.RuleResolver
}

func (s *access) self(ctx context.Context, q *authorizationv1.SelfSubjectAccessReview) error {
	u, err := asker(ctx)
	if err != nil {
		return err
	}
	q.Status = s.decide(ctx, u, q.Spec.ResourceAttributes, q.Spec.NonResourceAttributes)
	return nil
}

func (s *access) subject(ctx context.Context, q *authorizationv1.SubjectAccessReview) error {
	q.Status = s.decide(ctx, subjectOf(&q.Spec), q.Spec.ResourceAttributes, q.Spec.NonResourceAttributes)
	return nil
}

func (s *access) local(ctx context.Context, q *authorizationv1.LocalSubjectAccessReview) error {
	q.Status = s.decide(ctx, subjectOf(&q.Spec), q.Spec.ResourceAttributes, nil)
	return nil
}

func (s *access) decide(
	ctx context.Context, u user.Info, resource *authorizationv1.ResourceAttributes, other *authorizationv1.NonResourceAttributes,
) authorizationv1.SubjectAccessReviewStatus {
	attributes := attributesOf(u, resource, other)
	decision, reason, err := s.authorizer.Authorize(ctx, attributes)
	status := authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow, Denied: decision == authorizer.DecisionDeny, Reason: reason,
	}
	if err := errors.Join(err, attributes.FieldSelectorParsingErr, attributes.LabelSelectorParsingErr); err != nil {
		status.EvaluationError = err.Error()
	}
	return status
}

func (s *access) rules(ctx context.Context, q *authorizationv1.SelfSubjectRulesReview) error {
	u, err := asker(ctx)
	if err != nil {
		return err
	}
	if q.Spec.Namespace == "" {
		return apierrors.NewBadRequest("no namespace on request")
	}
	resources, others, incomplete, err := s.resolver.RulesFor(ctx, u, q.Spec.Namespace)
	q.Status = authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{}, Incomplete: incomplete,
	}
	for _, r := range resources {
		q.Status.ResourceRules = append(q.Status.ResourceRules, authorizationv1.ResourceRule{
			Verbs: r.GetVerbs(), APIGroups: r.GetAPIGroups(), Resources: r.GetResources(), ResourceNames: r.GetResourceNames(),
		})
	}
	for _, r := range others {
		q.Status.NonResourceRules = append(q.Status.NonResourceRules, authorizationv1.NonResourceRule{
			Verbs: r.GetVerbs(), NonResourceURLs: r.GetNonResourceURLs(),
		})
	}
	if err != nil {
		q.Status.EvaluationError = err.Error()
	}
	return nil
}

func subjectOf(spec *authorizationv1.SubjectAccessReviewSpec) user.Info {
	u := &user.DefaultInfo{Name: spec.User, UID: spec.UID, Groups: spec.Groups}
	for key, values := range spec.Extra {
		if u.Extra == nil {
			u.Extra = map[string][]string{}
		}
		u.Extra[key] = values
	}
	return u
}

func checkSelf(_ context.Context, q *authorizationv1.SelfSubjectAccessReview) error {
	errs := checkAttributes(q.Spec.ResourceAttributes, q.Spec.NonResourceAttributes)
	return invalid("SelfSubjectAccessReview", append(errs, checkMeta(q.ObjectMeta)...))
}

func checkSubject(_ context.Context, q *authorizationv1.SubjectAccessReview) error {
	return invalid("SubjectAccessReview", append(checkSpec(&q.Spec), checkMeta(q.ObjectMeta)...))
}

func checkLocal(_ context.Context, q *authorizationv1.LocalSubjectAccessReview) error {
	errs := checkSpec(&q.Spec)
	if q.Spec.NonResourceAttributes != nil {
		errs = append(errs, field.Invalid(field.NewPath("spec", "nonResourceAttributes"), q.Spec.NonResourceAttributes,
			"disallowed on this kind of request"))
	}
	if r := q.Spec.ResourceAttributes; r != nil && r.Namespace != q.Namespace {
		errs = append(errs, field.Invalid(field.NewPath("spec", "resourceAttributes", "namespace"), r.Namespace, "must match metadata.namespace"))
	}
	meta := q.ObjectMeta
	meta.Namespace = ""
	return invalid("LocalSubjectAccessReview", append(errs, checkMeta(meta)...))
}

func invalid(kind string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(authorizationv1.SchemeGroupVersion.WithKind(kind).GroupKind(), "", errs)
}

func checkSpec(spec *authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	errs := checkAttributes(spec.ResourceAttributes, spec.NonResourceAttributes)
	if spec.User == "" && len(spec.Groups) == 0 {
		errs = append(errs, field.Required(field.NewPath("spec", "user"), "at least one of user or group must be specified"))
	}
	return errs
}

func checkAttributes(resource *authorizationv1.ResourceAttributes, other *authorizationv1.NonResourceAttributes) (errs field.ErrorList) {
	spec := field.NewPath("spec")
	switch {
	case resource != nil && other != nil:
		errs = append(errs, field.Invalid(spec.Child("nonResourceAttributes"), other,
			"cannot be specified in combination with resourceAttributes"))
	case resource == nil && other == nil:
		errs = append(errs, field.Required(spec.Child("resourceAttributes"),
			"exactly one of nonResourceAttributes or resourceAttributes must be specified"))
	}
	if resource != nil {
		errs = append(errs, checkSelectors(resource, spec.Child("resourceAttributes"))...)
	}
	return errs
}

// checkMeta: a question has no name, since nothing is stored.
func checkMeta(meta metav1.ObjectMeta) field.ErrorList {
	meta.ManagedFields = nil
	if equality.Semantic.DeepEqual(metav1.ObjectMeta{}, meta) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata"), fmt.Sprintf("%v", meta), "must be empty")}
}

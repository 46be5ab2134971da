package registry

import (
	"context"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// verdicts are the conditions by which a request for a certificate is decided. What was decided stays so.
var verdicts = []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied}

// NewApproval returns the subresource by which a request for a certificate is approved or denied. The status is for the signer.
func NewApproval(requests *Store) *Status {
	return requests.with(&approvalStrategy{requests.strategy()})
}

// approvalStrategy lets only conditions change.
type approvalStrategy struct{ *strategy }

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (s *approvalStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	request, was := obj.(*certificatesv1.CertificateSigningRequest), old.(*certificatesv1.CertificateSigningRequest)
	conditions := request.Status.Conditions
	request.Spec, request.Status = was.Spec, was.Status
	request.Status.Conditions = conditions
	stampConditions(request, was)
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (s *approvalStrategy) ValidateUpdate(ctx context.Context, obj, old runtime.Object) field.ErrorList {
	request, was := obj.(*certificatesv1.CertificateSigningRequest), old.(*certificatesv1.CertificateSigningRequest)
	errs := s.strategy.ValidateUpdate(ctx, obj, old)
	path := field.NewPath("status", "conditions")
	for _, c := range was.Status.Conditions {
		if slices.Contains(verdicts, c.Type) && !slices.ContainsFunc(request.Status.Conditions, func(have certificatesv1.CertificateSigningRequestCondition) bool {
			return have.Type == c.Type && have.Status == c.Status
		}) {
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("updates may not remove a condition of type %q", c.Type)))
		}
	}
	for i, c := range request.Status.Conditions {
		if slices.Contains(verdicts, c.Type) && c.Status != corev1.ConditionTrue {
			errs = append(errs, field.NotSupported(path.Index(i).Child("status"), c.Status, []corev1.ConditionStatus{corev1.ConditionTrue}))
		}
	}
	return errs
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (s *approvalStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldSet {
	return s.reset("spec")
}

// updateRequest keeps what was asked for: it can't be changed afterwards.
func updateRequest(_ context.Context, obj, old runtime.Object) {
	obj.(*certificatesv1.CertificateSigningRequest).Spec = old.(*certificatesv1.CertificateSigningRequest).Spec
}

// updateRequestStatus keeps the verdict, which has a subresource of its own.
func updateRequestStatus(_ context.Context, obj, old runtime.Object) {
	request, was := obj.(*certificatesv1.CertificateSigningRequest), old.(*certificatesv1.CertificateSigningRequest)
	isVerdict := func(c certificatesv1.CertificateSigningRequestCondition) bool {
		return slices.Contains(verdicts, c.Type)
	}
	conditions := slices.DeleteFunc(slices.Clone(was.Status.Conditions), func(c certificatesv1.CertificateSigningRequestCondition) bool { return !isVerdict(c) })
	request.Status.Conditions = append(conditions, slices.DeleteFunc(slices.Clone(request.Status.Conditions), isVerdict)...)
	stampConditions(request, was)
}

// stampConditions says when conditions changed, where the client does not.
func stampConditions(request, was *certificatesv1.CertificateSigningRequest) {
	now := metav1.Now()
	for i := range request.Status.Conditions {
		c := &request.Status.Conditions[i]
		at := slices.IndexFunc(was.Status.Conditions, func(have certificatesv1.CertificateSigningRequestCondition) bool { return have.Type == c.Type })
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = now
		}
		switch {
		case !c.LastTransitionTime.IsZero():
		case at >= 0 && was.Status.Conditions[at].Status == c.Status:
			c.LastTransitionTime = was.Status.Conditions[at].LastTransitionTime
		default:
			c.LastTransitionTime = now
		}
	}
}

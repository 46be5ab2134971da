package registry

import (
	"context"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// NewApproval returns the subresource by which a request for a certificate is approved or denied. The status is for the signer.
func NewApproval(requests *Store) *Status {
	approval := *requests.Store
	s := &approvalStrategy{approval.UpdateStrategy.(*strategy)}
	approval.UpdateStrategy, approval.ResetFieldsStrategy = s, s
	return &Status{&approval}
}

// approvalStrategy lets only conditions change.
type approvalStrategy struct{ *strategy }

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (s *approvalStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	request, was := obj.(*certificatesv1.CertificateSigningRequest), old.(*certificatesv1.CertificateSigningRequest)
	conditions := request.Status.Conditions
	request.Spec, request.Status = was.Spec, was.Status
	request.Status.Conditions = conditions
}

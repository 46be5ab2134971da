package certificates

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// The plugins' names in --enable-admission-plugins.
const (
	ApprovalName           = "CertificateApproval"
	SigningName            = "CertificateSigning"
	SubjectRestrictionName = "CertificateSubjectRestriction"
)

// Register makes the plugins known by their names.
func Register(plugins *admission.Plugins) {
	plugins.Register(ApprovalName, func(io.Reader) (admission.Interface, error) { return NewApproval(), nil })
	plugins.Register(SigningName, func(io.Reader) (admission.Interface, error) { return NewSigning(), nil })
	plugins.Register(SubjectRestrictionName, func(io.Reader) (admission.Interface, error) { return NewSubjectRestriction(), nil })
}

// Signers lets a subresource of requests be changed by those alone who have a verb on the signer.
type Signers struct {
	*admission.Handler
	authorizer  authorizer.UnconditionalAuthorizer
	subresource string
	verb        string
	// concerns tells whether a change needs the verb.
	concerns func(is, was *certificatesv1.CertificateSigningRequest) bool
}

// NewApproval returns CertificateApproval, which still wants an authorizer.
func NewApproval() *Signers {
	return &Signers{
		Handler: admission.NewHandler(admission.Update), subresource: "approval", verb: "approve",
		concerns: func(_, _ *certificatesv1.CertificateSigningRequest) bool { return true },
	}
}

// NewSigning returns CertificateSigning, which still wants an authorizer.
func NewSigning() *Signers {
	return &Signers{
		Handler: admission.NewHandler(admission.Update), subresource: "status", verb: "sign",
		concerns: func(is, was *certificatesv1.CertificateSigningRequest) bool {
			return !equality.Semantic.DeepEqual(is.Status.Certificate, was.Status.Certificate) ||
				!equality.Semantic.DeepEqual(is.Status.Conditions, was.Status.Conditions)
		},
	}
}

// SetUnconditionalAuthorizer implements initializer.WantsUnconditionalAuthorizer.
func (s *Signers) SetUnconditionalAuthorizer(a authorizer.UnconditionalAuthorizer) { s.authorizer = a }

// ValidateInitialization implements admission.InitializationValidator.
func (s *Signers) ValidateInitialization() error {
	if s.authorizer == nil {
		return errors.New("admission of certificates needs an authorizer")
	}
	return nil
}

// Validate implements admission.ValidationInterface. The signer is the one that was asked for: a request cannot change it, but the
// update may try.
func (s *Signers) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() != certificatesv1.Resource("certificatesigningrequests") || a.GetSubresource() != s.subresource {
		return nil
	}
	was, ok1 := a.GetOldObject().(*certificatesv1.CertificateSigningRequest)
	is, ok2 := a.GetObject().(*certificatesv1.CertificateSigningRequest)
	if !ok1 || !ok2 {
		return apierrors.NewBadRequest(fmt.Sprintf("expected type CertificateSigningRequest, got: %T", a.GetObject()))
	}
	if !s.concerns(is, was) || s.may(ctx, a.GetUserInfo(), was.Spec.SignerName) {
		return nil
	}
	return admission.NewForbidden(a, fmt.Errorf("user not permitted to %s requests with signerName %q", s.verb, was.Spec.SignerName))
}

// may asks for the signer itself, and then for all of its domain. An authorizer that fails allows nothing.
func (s *Signers) may(ctx context.Context, who user.Info, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		decision, _, _ := s.authorizer.Authorize(ctx, authorizer.AttributesRecord{
			User: who, Verb: s.verb, Name: name, ResourceRequest: true,
			APIGroup: certificatesv1.GroupName, APIVersion: "*", Resource: "signers",
		})
		if decision == authorizer.DecisionAllow {
			return true
		}
	}
	return false
}

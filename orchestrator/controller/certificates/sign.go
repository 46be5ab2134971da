package certificates

import (
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/certificates/v1"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Signer signs what is approved.
type Signer struct {
	authority *Authority
	client    kubernetes.Interface
	requests  listers.CertificateSigningRequestLister
	clock     clock.PassiveClock
}

// NewSigner returns the loop that signs for all of kubernetes.io's signers.
func NewSigner(env *controller.Env, a *Authority) controller.Runner {
	return newLoop(env, "certificatesigningrequest-signing-controller", newSigner(env, a).sync)
}

func newSigner(env *controller.Env, a *Authority) *Signer {
	return &Signer{
		authority: a, client: env.Client, clock: env.Clock, requests: env.Informers.Certificates().V1().CertificateSigningRequests().Lister(),
	}
}

func (s *Signer) sync(ctx context.Context, name string) error {
	r, err := s.requests.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("request %s: %w", name, err)
	}
	takes, ours := signers()[r.Spec.SignerName]
	if !ours || len(r.Status.Certificate) > 0 || !said(r, certificatesv1.CertificateApproved) ||
		said(r, certificatesv1.CertificateDenied) || said(r, certificatesv1.CertificateFailed) {
		return nil
	}
	asked, err := parse(r)
	if err != nil {
		return fmt.Errorf("request %s: %w", name, err)
	}
	r = r.DeepCopy()
	if err := takes(asked, r.Spec.Usages); err != nil {
		r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue, Reason: "SignerValidationFailure", Message: err.Error(),
			LastUpdateTime: metav1.NewTime(s.clock.Now()),
		})
	} else if r.Status.Certificate, err = s.authority.sign(asked, &r.Spec, s.clock); err != nil {
		return fmt.Errorf("request %s: %w", name, err)
	}
	if _, err := s.client.CertificatesV1().CertificateSigningRequests().UpdateStatus(ctx, r, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("answer request %s: %w", name, err)
	}
	return nil
}

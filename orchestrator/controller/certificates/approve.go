package certificates

import (
	"context"
	"crypto/x509"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/certificates/v1"
	"k8s.io/klog/v2"

	"github.com/petcd/petcd/orchestrator/controller"
)

// Approver approves client certificates of kubelets for users that may have them.
type Approver struct {
	client   kubernetes.Interface
	requests listers.CertificateSigningRequestLister
}

// NewApprover returns the loop that approves.
func NewApprover(env *controller.Env) controller.Runner {
	return newLoop(env, "certificatesigningrequest-approving-controller", newApprover(env).sync)
}

func newApprover(env *controller.Env) *Approver {
	return &Approver{client: env.Client, requests: env.Informers.Certificates().V1().CertificateSigningRequests().Lister()}
}

// newLoop syncs every request that appears or changes.
func newLoop(env *controller.Env, name string, sync controller.Sync) *controller.Loop {
	informer := env.Informers.Certificates().V1().CertificateSigningRequests().Informer()
	loop := controller.NewLoop(name, 1, sync, informer.HasSynced)
	enqueue := func(r *certificatesv1.CertificateSigningRequest) { loop.Enqueue(r) }
	controller.On[*certificatesv1.CertificateSigningRequest]{
		Add: enqueue, Update: func(_, r *certificatesv1.CertificateSigningRequest) { enqueue(r) },
	}.Watch(informer)
	return loop
}

// right is what allows a user a node's certificate, as a subresource that can be created, and what is said then.
type right struct{ subresource, message string }

// rights are those that would do for a request, the narrowest first.
func rights(r *certificatesv1.CertificateSigningRequest, asked *x509.CertificateRequest) (all []right) {
	if r.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName || kubeletClient(asked, r.Spec.Usages) != nil {
		return nil
	}
	if r.Spec.Username == asked.Subject.CommonName {
		all = append(all, right{"selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."})
	}
	return append(all, right{"nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."})
}

func (a *Approver) sync(ctx context.Context, name string) error {
	r, err := a.requests.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("request %s: %w", name, err)
	}
	if len(r.Status.Certificate) > 0 || said(r, certificatesv1.CertificateApproved) || said(r, certificatesv1.CertificateDenied) {
		return nil
	}
	asked, err := parse(r)
	if err != nil {
		return fmt.Errorf("request %s: %w", name, err)
	}
	all := rights(r, asked)
	for _, one := range all {
		ok, err := a.may(ctx, r, one.subresource)
		if err != nil {
			return fmt.Errorf("request %s: %w", name, err)
		}
		if ok {
			return a.approve(ctx, r, one.message)
		}
	}
	if len(all) > 0 {
		// The right may come later, and nothing would tell.
		klog.FromContext(ctx).Info("Recognized a request whose user may not have the certificate", "request", name, "user", r.Spec.Username)
		return fmt.Errorf("request %s: recognized, but subject access review was not approved", name)
	}
	return nil
}

// may asks the apiserver whether the user of a request has a right.
func (a *Approver) may(ctx context.Context, r *certificatesv1.CertificateSigningRequest, subresource string) (bool, error) {
	extra := map[string]authorizationv1.ExtraValue{}
	for k, v := range r.Spec.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	review, err := a.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: r.Spec.Username, UID: r.Spec.UID, Groups: r.Spec.Groups, Extra: extra,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: certificatesv1.GroupName, Resource: "certificatesigningrequests", Verb: "create", Subresource: subresource, Version: "*",
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("subject access review: %w", err)
	}
	return review.Status.Allowed, nil
}

func (a *Approver) approve(ctx context.Context, r *certificatesv1.CertificateSigningRequest, message string) error {
	r = r.DeepCopy()
	r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "AutoApproved", Message: message,
	})
	if _, err := a.client.CertificatesV1().CertificateSigningRequests().UpdateApproval(ctx, r.Name, r, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("approve request %s: %w", r.Name, err)
	}
	return nil
}

package certificates

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/certificates/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/petcd/petcd/orchestrator/controller"
)

const (
	cleanPeriod = time.Hour
	// keepAnswered is how long a request is kept after somebody said yes or no to it, or its signer failed.
	keepAnswered = time.Hour
	// keepPending is how long one waits for an answer.
	keepPending = 24 * time.Hour
)

// Cleaner deletes requests that are over.
type Cleaner struct {
	client   kubernetes.Interface
	requests listers.CertificateSigningRequestLister
	clock    clock.WithTicker
	synced   cache.InformerSynced
}

// NewCleaner returns the loop that deletes.
func NewCleaner(env *controller.Env) controller.Runner { return newCleaner(env) }

func newCleaner(env *controller.Env) *Cleaner {
	requests := env.Informers.Certificates().V1().CertificateSigningRequests()
	return &Cleaner{client: env.Client, requests: requests.Lister(), clock: env.Clock, synced: requests.Informer().HasSynced}
}

// Run implements controller.Runner.
func (c *Cleaner) Run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), c.synced) {
		return
	}
	controller.Every(c.clock, cleanPeriod, func(ctx context.Context) {
		if err := c.clean(ctx); err != nil {
			runtime.HandleErrorWithContext(ctx, err, "Requests for certificates were not cleaned up")
		}
	}).Run(ctx)
}

func (c *Cleaner) clean(ctx context.Context) error {
	all, err := c.requests.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list requests: %w", err)
	}
	var errs []error
	for _, r := range all {
		if !c.over(r) {
			continue
		}
		err := c.client.CertificatesV1().CertificateSigningRequests().Delete(ctx, r.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(r.UID))})
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete request %s: %w", r.Name, err))
		}
	}
	return errors.Join(errs...)
}

// over tells that nobody needs a request any more.
func (c *Cleaner) over(r *certificatesv1.CertificateSigningRequest) bool {
	if len(r.Status.Conditions) == 0 {
		return c.since(r.CreationTimestamp) > keepPending
	}
	for _, cond := range r.Status.Conditions {
		at := cond.LastUpdateTime
		if at.IsZero() {
			at = r.CreationTimestamp
		}
		if c.since(at) > keepAnswered && (cond.Type != certificatesv1.CertificateApproved || len(r.Status.Certificate) > 0) {
			return true
		}
	}
	// Approved and not signed: its signer may be away for a while.
	return c.since(r.CreationTimestamp) > keepPending || c.expired(r.Status.Certificate)
}

func (c *Cleaner) since(t metav1.Time) time.Duration { return c.clock.Since(t.Time) }

// expired tells of a certificate that can be read.
func (c *Cleaner) expired(text []byte) bool {
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	return err == nil && c.clock.Now().After(cert.NotAfter)
}

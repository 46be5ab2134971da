package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/controller"
	"github.com/petcd/petcd/orchestrator/controller/controllertest"
)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func encoded(t *testing.T, template *x509.CertificateRequest) []byte {
	der, err := x509.CreateCertificateRequest(rand.Reader, template, newKey(t))
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func nodeSubject(name string) *x509.CertificateRequest {
	return &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:" + name, Organization: []string{"system:nodes"}}}
}

// newRequest is what a kubelet with a bootstrap token asks for.
func newRequest(t *testing.T, change ...func(*certificatesv1.CertificateSigningRequest)) *certificatesv1.CertificateSigningRequest {
	r := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "r", UID: "1", CreationTimestamp: metav1.NewTime(controllertest.Epoch)},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: encoded(t, nodeSubject("a")), SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName, Username: "system:bootstrap:abcdef",
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
		},
	}
	for _, f := range change {
		f(r)
	}
	return r
}

func with(types ...certificatesv1.RequestConditionType) func(*certificatesv1.CertificateSigningRequest) {
	return func(r *certificatesv1.CertificateSigningRequest) {
		for _, typ := range types {
			r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
				Type: typ, Status: v1.ConditionTrue, LastUpdateTime: metav1.NewTime(controllertest.Epoch),
			})
		}
	}
}

// refresh shows the requests of the fake apiserver, which controllertest's Refresh doesn't know.
func refresh(t *testing.T, c *controllertest.Cluster) {
	list, err := c.Fake.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	items := make([]any, 0, len(list.Items))
	for i := range list.Items {
		items = append(items, &list.Items[i])
	}
	require.NoError(t, c.Informers.Certificates().V1().CertificateSigningRequests().Informer().GetIndexer().Replace(items, ""))
	c.Writes()
}

// allow answers reviews: yes to one subresource.
func allow(c *controllertest.Cluster, subresource string, asked *[]string) {
	c.Fake.PrependReactor("create", "subjectaccessreviews", func(action core.Action) (bool, runtime.Object, error) {
		review := action.(core.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview).DeepCopy()
		*asked = append(*asked, review.Spec.User+" "+review.Spec.ResourceAttributes.Subresource)
		review.Status.Allowed = review.Spec.ResourceAttributes.Subresource == subresource
		return true, review, nil
	})
}

func get(t *testing.T, c *controllertest.Cluster) *certificatesv1.CertificateSigningRequest {
	r, err := c.Fake.CertificatesV1().CertificateSigningRequests().Get(t.Context(), "r", metav1.GetOptions{})
	require.NoError(t, err)
	return r
}

func TestApprove(t *testing.T) {
	type request = certificatesv1.CertificateSigningRequest
	for name, tc := range map[string]struct {
		change  func(*request)
		allowed string
		asked   []string
		message string
		fails   bool
	}{
		"bootstrap": {allowed: "nodeclient", asked: []string{"system:bootstrap:abcdef nodeclient"},
			message: "Auto approving kubelet client certificate after SubjectAccessReview."},
		"itself": {change: func(r *request) { r.Spec.Username = "system:node:a" }, allowed: "selfnodeclient", asked: []string{"system:node:a selfnodeclient"},
			message: "Auto approving self kubelet client certificate after SubjectAccessReview."},
		"another node": {change: func(r *request) { r.Spec.Username = "system:node:b" }, allowed: "selfnodeclient", asked: []string{"system:node:b nodeclient"}, fails: true},
		"no right":     {asked: []string{"system:bootstrap:abcdef nodeclient"}, fails: true},
		"serving":      {change: func(r *request) { r.Spec.SignerName = certificatesv1.KubeletServingSignerName }, allowed: "nodeclient"},
		"no node": {change: func(r *request) {
			r.Spec.Request = encoded(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "me"}})
		}, allowed: "nodeclient"},
		"more usages": {change: func(r *request) { r.Spec.Usages = append(r.Spec.Usages, certificatesv1.UsageServerAuth) }, allowed: "nodeclient"},
		"denied":      {change: with(certificatesv1.CertificateDenied), allowed: "nodeclient"},
		"approved":    {change: with(certificatesv1.CertificateApproved), allowed: "nodeclient"},
		"signed":      {change: func(r *request) { r.Status.Certificate = []byte("x") }, allowed: "nodeclient"},
		"garbage":     {change: func(r *request) { r.Spec.Request = []byte("x") }, allowed: "nodeclient", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(t)
			if tc.change != nil {
				tc.change(r)
			}
			before := len(r.Status.Conditions)
			c := controllertest.New(t, r)
			var asked []string
			allow(c, tc.allowed, &asked)
			a := newApprover(c.Env)
			refresh(t, c)
			err := a.sync(t.Context(), "r")
			require.Equal(t, tc.fails, err != nil, err)
			require.Equal(t, tc.asked, asked)
			now := get(t, c).Status.Conditions[before:]
			if tc.message == "" {
				require.Empty(t, now)
				return
			}
			require.Len(t, now, 1)
			require.Equal(t, certificatesv1.CertificateApproved, now[0].Type)
			require.Equal(t, "AutoApproved", now[0].Reason)
			require.Equal(t, tc.message, now[0].Message)
		})
	}
}

// newAuthority is good for a year from the fake clock's time.
func newAuthority(t *testing.T) *Authority {
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: controllertest.Epoch.Add(-time.Hour), NotAfter: controllertest.Epoch.Add(365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &Authority{cert: cert, key: key, longest: 30 * 24 * time.Hour, serialOf: serial}
}

func sign(t *testing.T, r *certificatesv1.CertificateSigningRequest) (*Authority, *certificatesv1.CertificateSigningRequest, error) {
	c := controllertest.New(t, r)
	a := newAuthority(t)
	s := newSigner(c.Env, a)
	refresh(t, c)
	err := s.sync(t.Context(), "r")
	return a, get(t, c), err
}

func TestSign(t *testing.T) {
	a, r, err := sign(t, newRequest(t, with(certificatesv1.CertificateApproved)))
	require.NoError(t, err)
	block, rest := pem.Decode(r.Status.Certificate)
	require.NotNil(t, block)
	require.Empty(t, rest)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	_, err = cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: controllertest.Epoch})
	require.NoError(t, err)
	require.Equal(t, "system:node:a", cert.Subject.CommonName)
	require.Equal(t, []string{"system:nodes"}, cert.Subject.Organization)
	require.False(t, cert.IsCA)
	require.Equal(t, x509.KeyUsageDigitalSignature, cert.KeyUsage)
	require.Equal(t, controllertest.Epoch.Add(-5*time.Minute), cert.NotBefore)
	require.Equal(t, controllertest.Epoch.Add(30*24*time.Hour-5*time.Minute), cert.NotAfter)
}

func TestNotSigned(t *testing.T) {
	type request = certificatesv1.CertificateSigningRequest
	approved := with(certificatesv1.CertificateApproved)
	for name, tc := range map[string]struct {
		change func(*request)
		failed string
	}{
		"not approved":     {change: func(*request) {}},
		"denied too":       {change: with(certificatesv1.CertificateApproved, certificatesv1.CertificateDenied)},
		"failed":           {change: with(certificatesv1.CertificateApproved, certificatesv1.CertificateFailed)},
		"another's":        {change: func(r *request) { approved(r); r.Spec.SignerName = "example.com/x" }},
		"not for a signer": {change: func(r *request) { approved(r); r.Spec.Usages = r.Spec.Usages[:1] }, failed: "usages did not match [digital signature client auth]"},
	} {
		t.Run(name, func(t *testing.T) {
			before := newRequest(t, tc.change)
			_, r, err := sign(t, before.DeepCopy())
			require.NoError(t, err)
			require.Empty(t, r.Status.Certificate)
			if tc.failed == "" {
				require.Equal(t, before.Status, r.Status)
				return
			}
			last := r.Status.Conditions[len(r.Status.Conditions)-1]
			require.Equal(t, certificatesv1.CertificateFailed, last.Type)
			require.Equal(t, "SignerValidationFailure", last.Reason)
			require.Equal(t, tc.failed, last.Message)
		})
	}
}

func TestWhatSignersTake(t *testing.T) {
	serving := nodeSubject("a")
	serving.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)}
	stranger := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:a"}}
	mail := nodeSubject("a")
	mail.EmailAddresses = []string{"a@b"}
	const (
		signature, encipherment = certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment
		client, server          = certificatesv1.UsageClientAuth, certificatesv1.UsageServerAuth
	)
	for name, tc := range map[string]struct {
		signer string
		asked  *x509.CertificateRequest
		usages []certificatesv1.KeyUsage
		want   string
	}{
		"client":                     {certificatesv1.KubeAPIServerClientSignerName, stranger, []certificatesv1.KeyUsage{client, signature}, ""},
		"client that serves":         {certificatesv1.KubeAPIServerClientSignerName, stranger, []certificatesv1.KeyUsage{client, server}, `usage "server auth" is not allowed`},
		"client that isn't":          {certificatesv1.KubeAPIServerClientSignerName, stranger, []certificatesv1.KeyUsage{signature}, `usages did not include "client auth"`},
		"kubelet":                    {certificatesv1.KubeAPIServerClientKubeletSignerName, nodeSubject("a"), []certificatesv1.KeyUsage{client, signature, encipherment}, ""},
		"kubelet with an address":    {certificatesv1.KubeAPIServerClientKubeletSignerName, serving, []certificatesv1.KeyUsage{client, signature}, "DNS and IP subjectAltNames are not allowed"},
		"kubelet of no group":        {certificatesv1.KubeAPIServerClientKubeletSignerName, stranger, []certificatesv1.KeyUsage{client, signature}, "subject organization is not system:nodes"},
		"kubelet without a name":     {certificatesv1.KubeAPIServerClientKubeletSignerName, nodeSubject(""), []certificatesv1.KeyUsage{client, signature}, "subject common name does not begin with system:node:"},
		"kubelet with mail":          {certificatesv1.KubeAPIServerClientKubeletSignerName, mail, []certificatesv1.KeyUsage{client, signature}, "email and URI subjectAltNames are not allowed"},
		"serving":                    {certificatesv1.KubeletServingSignerName, serving, []certificatesv1.KeyUsage{server, signature}, ""},
		"serving without an address": {certificatesv1.KubeletServingSignerName, nodeSubject("a"), []certificatesv1.KeyUsage{server, signature}, "at least one DNS or IP subjectAltName is required"},
		"unknown":                    {"kubernetes.io/legacy-unknown", stranger, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := signers()[tc.signer](tc.asked, tc.usages)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestLife(t *testing.T) {
	now := controllertest.Epoch
	for name, tc := range map[string]struct {
		seconds *int32
		ca      time.Duration
		to      time.Duration
		err     error
	}{
		"the longest":             {ca: 365 * 24 * time.Hour, to: 30*24*time.Hour - backdate},
		"less":                    {seconds: ptr.To[int32](3600), ca: 365 * 24 * time.Hour, to: time.Hour},
		"too short":               {seconds: ptr.To[int32](1), ca: 365 * 24 * time.Hour, to: 10 * time.Minute},
		"too long":                {seconds: ptr.To[int32](1 << 30), ca: 365 * 24 * time.Hour, to: 30*24*time.Hour - backdate},
		"longer than its signer":  {ca: time.Hour, to: time.Hour},
		"its signer has no right": {ca: -time.Hour, err: errors.New("refusing to sign a certificate that expired in the past")},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Authority{cert: &x509.Certificate{NotAfter: now.Add(tc.ca)}, longest: 30 * 24 * time.Hour}
			_, to, err := a.life(tc.seconds, now)
			require.Equal(t, tc.err, err)
			if err == nil {
				require.Equal(t, now.Add(tc.to), to)
			}
		})
	}
}

func TestClean(t *testing.T) {
	signed := func(r *certificatesv1.CertificateSigningRequest) {
		with(certificatesv1.CertificateApproved)(r)
		r.Status.Certificate = []byte("not PEM")
	}
	for name, tc := range map[string]struct {
		change func(*certificatesv1.CertificateSigningRequest)
		after  time.Duration
		gone   bool
	}{
		"waits":                    {func(*certificatesv1.CertificateSigningRequest) {}, 23 * time.Hour, false},
		"nobody answered":          {func(*certificatesv1.CertificateSigningRequest) {}, 25 * time.Hour, true},
		"denied":                   {with(certificatesv1.CertificateDenied), 2 * time.Hour, true},
		"denied just now":          {with(certificatesv1.CertificateDenied), time.Minute, false},
		"failed":                   {with(certificatesv1.CertificateApproved, certificatesv1.CertificateFailed), 2 * time.Hour, true},
		"signed":                   {signed, 2 * time.Hour, true},
		"signed just now":          {signed, time.Minute, false},
		"its signer is away":       {with(certificatesv1.CertificateApproved), 2 * time.Hour, false},
		"its signer never came":    {with(certificatesv1.CertificateApproved), 25 * time.Hour, true},
		"approved, then forgotten": {with(certificatesv1.CertificateApproved), 24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := controllertest.New(t, newRequest(t, tc.change))
			cleaner := newCleaner(c.Env)
			refresh(t, c)
			c.Clock.Step(tc.after)
			require.NoError(t, cleaner.clean(t.Context()))
			if tc.gone {
				require.Equal(t, []string{"delete certificatesigningrequests r"}, c.Writes())
			} else {
				require.Empty(t, c.Writes())
			}
		})
	}
}

// What a kubelet asks for is approved and signed by loops that only see each other's writes.
func TestRun(t *testing.T) {
	c := controllertest.New(t)
	c.Versions()
	var asked []string
	allow(c, "nodeclient", &asked)
	c.Start(controller.Runners{NewApprover(c.Env), NewSigner(c.Env, newAuthority(t))})
	_, err := c.Fake.CertificatesV1().CertificateSigningRequests().Create(t.Context(), newRequest(t), metav1.CreateOptions{})
	require.NoError(t, err)
	c.Eventually(func() bool { return len(get(t, c).Status.Certificate) > 0 }, "signed")
}

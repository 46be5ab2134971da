package certificates

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

func request(signer, certificate string) *certificatesv1.CertificateSigningRequest {
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "r"},
		Spec:       certificatesv1.CertificateSigningRequestSpec{SignerName: signer},
		Status:     certificatesv1.CertificateSigningRequestStatus{Certificate: []byte(certificate)},
	}
}

func TestSigners(t *testing.T) {
	for name, tc := range map[string]struct {
		plugin      *Signers
		subresource string
		may         string // verb and name
		is, was     *certificatesv1.CertificateSigningRequest
		want        string
	}{
		"approve":               {NewApproval(), "approval", "approve a/b", request("a/b", ""), request("a/b", ""), ""},
		"approve, the domain":   {NewApproval(), "approval", "approve a/*", request("a/b", ""), request("a/b", ""), ""},
		"approve another's":     {NewApproval(), "approval", "approve a/c", request("a/b", ""), request("a/b", ""), `user not permitted to approve requests with signerName "a/b"`},
		"approve by renaming":   {NewApproval(), "approval", "approve a/c", request("a/c", ""), request("a/b", ""), `signerName "a/b"`},
		"approve as a signer":   {NewApproval(), "approval", "sign a/b", request("a/b", ""), request("a/b", ""), "not permitted to approve"},
		"approve, not asked":    {NewApproval(), "status", "", request("a/b", "x"), request("a/b", ""), ""},
		"sign":                  {NewSigning(), "status", "sign a/b", request("a/b", "x"), request("a/b", ""), ""},
		"sign another's":        {NewSigning(), "status", "sign a/c", request("a/b", "x"), request("a/b", ""), `user not permitted to sign requests with signerName "a/b"`},
		"sign, nothing changed": {NewSigning(), "status", "", request("a/b", "x"), request("a/b", "x"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			tc.plugin.SetUnconditionalAuthorizer(admissiontest.Authorizer(func(a authorizer.Attributes) bool {
				return tc.may == a.GetVerb()+" "+a.GetName() && a.GetResource() == "signers" && a.GetAPIGroup() == "certificates.k8s.io"
			}))
			require.NoError(t, tc.plugin.ValidateInitialization())
			err := admissiontest.Send(context.Background(), tc.plugin, admissiontest.Request{Object: tc.is, Old: tc.was, Subresource: tc.subresource})
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
	require.Error(t, NewSigning().ValidateInitialization())
}

func TestSubjects(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	of := func(signer string, groups ...string) *certificatesv1.CertificateSigningRequest {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x", Organization: groups}}, key)
		require.NoError(t, err)
		r := request(signer, "")
		r.Spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
		return r
	}
	const client = "kubernetes.io/kube-apiserver-client"
	for name, tc := range map[string]struct {
		request *certificatesv1.CertificateSigningRequest
		want    string
	}{
		"a group":        {of(client, "developers"), ""},
		"masters":        {of(client, "developers", "system:masters"), "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"},
		"another signer": {of("example.com/x", "system:masters"), ""},
		"broken":         {request(client, ""), "unable to parse csr"},
	} {
		t.Run(name, func(t *testing.T) {
			err := admissiontest.Send(context.Background(), NewSubjectRestriction(), admissiontest.Request{Object: tc.request})
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

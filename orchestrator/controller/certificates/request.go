package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

// nodePrefix is what the names of nodes' users begin with.
const nodePrefix = "system:node:"

// parse returns what a request asks for.
func parse(r *certificatesv1.CertificateSigningRequest) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(r.Spec.Request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	asked, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	if err := asked.CheckSignature(); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return asked, nil
}

// said tells whether a condition holds of a request.
func said(r *certificatesv1.CertificateSigningRequest, what certificatesv1.RequestConditionType) bool {
	return slices.ContainsFunc(r.Status.Conditions, func(c certificatesv1.CertificateSigningRequestCondition) bool {
		return c.Type == what && c.Status != corev1.ConditionFalse // an old one says nothing: it counts as true
	})
}

// signers are the signers served, each with what it takes.
func signers() map[string]func(*x509.CertificateRequest, []certificatesv1.KeyUsage) error {
	return map[string]func(*x509.CertificateRequest, []certificatesv1.KeyUsage) error{
		certificatesv1.KubeAPIServerClientSignerName:        apiserverClient,
		certificatesv1.KubeAPIServerClientKubeletSignerName: kubeletClient,
		certificatesv1.KubeletServingSignerName:             kubeletServing,
		"kubernetes.io/legacy-unknown":                      func(*x509.CertificateRequest, []certificatesv1.KeyUsage) error { return nil },
	}
}

// apiserverClient takes clients of the apiserver.
func apiserverClient(_ *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	return onlyUsages(usages, certificatesv1.UsageClientAuth)
}

// kubeletClient takes nodes as clients of the apiserver.
func kubeletClient(asked *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if err := aNode(asked); err != nil {
		return err
	}
	if len(asked.DNSNames)+len(asked.IPAddresses) > 0 {
		return errors.New("DNS and IP subjectAltNames are not allowed")
	}
	return allUsages(usages, certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth)
}

// kubeletServing takes nodes as servers.
func kubeletServing(asked *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if err := aNode(asked); err != nil {
		return err
	}
	if len(asked.DNSNames)+len(asked.IPAddresses) == 0 {
		return errors.New("at least one DNS or IP subjectAltName is required")
	}
	return allUsages(usages, certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth)
}

// aNode asks for the subject of a node.
func aNode(asked *x509.CertificateRequest) error {
	switch {
	case !slices.Equal(asked.Subject.Organization, []string{user.NodesGroup}):
		return errors.New("subject organization is not system:nodes")
	case len(asked.EmailAddresses)+len(asked.URIs) > 0:
		return errors.New("email and URI subjectAltNames are not allowed")
	case len(asked.Subject.CommonName) <= len(nodePrefix) || !strings.HasPrefix(asked.Subject.CommonName, nodePrefix):
		return fmt.Errorf("subject common name does not begin with %s", nodePrefix)
	}
	return nil
}

// allUsages asks for exactly these usages, and allows key encipherment, which RSA keys want.
func allUsages(usages []certificatesv1.KeyUsage, want ...certificatesv1.KeyUsage) error {
	for _, u := range want {
		if !slices.Contains(usages, u) {
			return fmt.Errorf("usages did not match %v", want)
		}
	}
	for _, u := range usages {
		if u != certificatesv1.UsageKeyEncipherment && !slices.Contains(want, u) {
			return fmt.Errorf("usages did not match %v", want)
		}
	}
	return nil
}

// onlyUsages asks for one usage, and allows those that every TLS key may have.
func onlyUsages(usages []certificatesv1.KeyUsage, want certificatesv1.KeyUsage) error {
	if !slices.Contains(usages, want) {
		return fmt.Errorf("usages did not include %q", want)
	}
	for _, u := range usages {
		if u != want && u != certificatesv1.UsageDigitalSignature && u != certificatesv1.UsageKeyEncipherment {
			return fmt.Errorf("usage %q is not allowed", u)
		}
	}
	return nil
}

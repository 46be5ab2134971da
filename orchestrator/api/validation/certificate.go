package validation

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// minCertificateSeconds leaves time to renew a certificate.
const minCertificateSeconds = 600

// validSigningRequest checks what a certificate is asked for, by whom it shall be signed, and what has been said to that.
func validSigningRequest(r *certificatesv1.CertificateSigningRequest) errs {
	s := &r.Spec
	all := slices.Concat(
		when(len(s.Usages) == 0, field.Required(specPath.Child("usages"), "usages is required")),
		each(specPath.Child("usages"), s.Usages, keyUsage),
		usagesOnce(s.Usages),
		signerName(specPath.Child("signerName"), s.SignerName),
	)
	if err := parseRequest(s.Request); err != nil {
		all = append(all, field.Invalid(specPath.Child("request"), s.Request, err.Error()))
	}
	n := s.ExpirationSeconds
	return slices.Concat(all,
		when(n != nil && *n < minCertificateSeconds,
			field.Invalid(specPath.Child("expirationSeconds"), n, "may not specify a duration less than 600 seconds (10 minutes)")),
		signingConditions(r.Status.Conditions),
	)
}

// keyUsages are all that certificates can be used for.
var keyUsages = []certificatesv1.KeyUsage{
	certificatesv1.UsageAny, certificatesv1.UsageCRLSign, certificatesv1.UsageCertSign, certificatesv1.UsageClientAuth,
	certificatesv1.UsageCodeSigning, certificatesv1.UsageContentCommitment, certificatesv1.UsageDataEncipherment,
	certificatesv1.UsageDecipherOnly, certificatesv1.UsageDigitalSignature, certificatesv1.UsageEmailProtection,
	certificatesv1.UsageEncipherOnly, certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel,
	certificatesv1.UsageIPsecUser, certificatesv1.UsageKeyAgreement, certificatesv1.UsageKeyEncipherment,
	certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC, certificatesv1.UsageOCSPSigning,
	certificatesv1.UsageSMIME, certificatesv1.UsageServerAuth, certificatesv1.UsageSigning, certificatesv1.UsageTimestamping,
}

// keyUsage asks for one of them.
func keyUsage(at path, u *certificatesv1.KeyUsage) errs {
	return when(!slices.Contains(keyUsages, *u), field.NotSupported(at, *u, sorted(keyUsages)))
}

// sorted leaves the list, which is shared, as it is.
func sorted[T ~string](l []T) []T {
	l = slices.Clone(l)
	slices.Sort(l)
	return l
}

// usagesOnce asks that no usage is named twice.
func usagesOnce(usages []certificatesv1.KeyUsage) errs {
	seen := map[certificatesv1.KeyUsage]bool{}
	return each(specPath.Child("usages"), usages, func(at path, u *certificatesv1.KeyUsage) errs {
		twice := seen[*u]
		seen[*u] = true
		return when(twice, field.Duplicate(at, *u))
	})
}

// signerName asks for a domain, a slash and a name.
func signerName(at path, s string) errs {
	if s == "" {
		return need(at, s)
	}
	if s == "kubernetes.io/legacy-unknown" {
		return errs{field.Invalid(at, s, "the legacy signerName is not allowed via this API version")}
	}
	const most = validation.DNS1123SubdomainMaxLength*2 + 1 + 63
	return append(when(len(s) > most, field.TooLong(at, s, most)), validation.IsDomainPrefixedPath(at, s)...)
}

// parseRequest asks for a request whose sender has the key that it names.
func parseRequest(b []byte) error {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	return r.CheckSignature()
}

// signingConditions refuses that somebody said both yes and no.
func signingConditions(all []certificatesv1.CertificateSigningRequestCondition) errs {
	said := map[certificatesv1.RequestConditionType]bool{}
	return each(statusPath.Child("conditions"), all, func(at path, c *certificatesv1.CertificateSigningRequestCondition) errs {
		said[c.Type] = true
		answer := c.Type == certificatesv1.CertificateApproved || c.Type == certificatesv1.CertificateDenied
		return slices.Concat(
			need(at.Child("type"), string(c.Type)),
			oneOf(at.Child("status"), c.Status, v1.ConditionTrue, v1.ConditionFalse, v1.ConditionUnknown),
			when(answer && said[certificatesv1.CertificateApproved] && said[certificatesv1.CertificateDenied],
				field.Invalid(at.Child("type"), c.Type, "Approved and Denied conditions are mutually exclusive")),
		)
	})
}

// updateSigningRequest keeps what was asked for.
func updateSigningRequest(r, old *certificatesv1.CertificateSigningRequest) errs {
	return unchanged(specPath, r.Spec, old.Spec)
}

// updateSigningStatus keeps a certificate once it is made, and that somebody said no.
func updateSigningStatus(r, old *certificatesv1.CertificateSigningRequest) errs {
	issued := len(old.Status.Certificate) > 0
	return append(signingConditions(r.Status.Conditions),
		when(issued && !equality.Semantic.DeepEqual(r.Status.Certificate, old.Status.Certificate),
			field.Forbidden(statusPath.Child("certificate"), "updates may not modify an existing certificate"))...)
}

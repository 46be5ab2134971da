package tables

import (
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// certificates are requests for client certificates.
func certificates() []printer {
	spec := certificatesv1.CertificateSigningRequestSpec{}.SwaggerDoc()
	return []printer{printerOf(columns{
		nameColumn(),
		ageColumn(),
		col("SignerName", text, spec["signerName"]),
		col("Requestor", text, spec["request"]),
		col("RequestedDuration", text, spec["expirationSeconds"]),
		col("Condition", text, certificatesv1.CertificateSigningRequestStatus{}.SwaggerDoc()["conditions"]),
	}, func(r *certificatesv1.CertificateSigningRequest, at now) []any {
		lasting := none
		if s := r.Spec.ExpirationSeconds; s != nil {
			lasting = duration.HumanDuration(time.Duration(*s) * time.Second)
		}
		return []any{r.Name, at.age(r), or(r.Spec.SignerName, none), r.Spec.Username, lasting, requestStatus(r)}
	})}
}

// requestStatus says whether a request was approved, and what came of it.
func requestStatus(r *certificatesv1.CertificateSigningRequest) string {
	is := map[certificatesv1.RequestConditionType]bool{}
	for _, c := range r.Status.Conditions {
		is[c.Type] = true
	}
	status := "Pending"
	switch {
	case is[certificatesv1.CertificateDenied]:
		status = "Denied"
	case is[certificatesv1.CertificateApproved]:
		status = "Approved"
	}
	if is[certificatesv1.CertificateFailed] {
		status += ",Failed"
	}
	if len(r.Status.Certificate) > 0 {
		status += ",Issued"
	}
	return status
}

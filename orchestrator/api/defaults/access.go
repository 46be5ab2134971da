package defaults

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// certificateSeconds is how long a pod's certificate may last.
const certificateSeconds = 24 * 60 * 60

// roleBinding refers to roles by kind and name; what group they are of is clear.
func roleBinding(b *rbacv1.RoleBinding) {
	set(&b.RoleRef.APIGroup, rbacv1.GroupName)
	subjects(b.Subjects)
}

// clusterRoleBinding is the same for the whole cluster.
func clusterRoleBinding(b *rbacv1.ClusterRoleBinding) {
	set(&b.RoleRef.APIGroup, rbacv1.GroupName)
	subjects(b.Subjects)
}

// subjects leaves the group of service accounts empty: they are core objects.
func subjects(all []rbacv1.Subject) {
	for i := range all {
		if k := all[i].Kind; k == rbacv1.UserKind || k == rbacv1.GroupKind {
			set(&all[i].APIGroup, rbacv1.GroupName)
		}
	}
}

// tokenRequest asks for a token that lasts as long as a projected one.
func tokenRequest(r *authenticationv1.TokenRequest) {
	point(&r.Spec.ExpirationSeconds, int64(tokenSeconds))
}

// podCertificateRequest is made by kubelets for projected certificates.
func podCertificateRequest(r *certificatesv1.PodCertificateRequest) {
	point(&r.Spec.MaxExpirationSeconds, int32(certificateSeconds))
}

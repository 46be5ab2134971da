// Package certificates is three admission plugins for requests of certificates. CertificateApproval and CertificateSigning let only
// those approve or sign for a signer who may ("approve" and "sign" on certificates.k8s.io/signers of that name, or of all names
// of its domain); CertificateSubjectRestriction lets nobody ask for a client certificate of the group system:masters.
//
// Read approve.go. The right to change a request's approval or status, which the authorizer has asked for already, is the right to
// do so for any signer: these plugins narrow it.
package certificates

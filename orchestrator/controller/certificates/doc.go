// Package certificates answers requests for certificates in three loops: one approves those of kubelets, one signs what is approved,
// one deletes what nobody needs any more.
//
// Read Approver, then Signer. A kubelet that joins has a bootstrap token, whose user may ask for a client certificate of a node; the next
// ones it asks for itself. Whether a user may is for the apiserver to say (a SubjectAccessReview), not for this package. What the signers
// take is in request.go, one function a signer.
//
// It refuses to approve serving certificates of kubelets: whether an address is a node's is not known here, so an administrator approves
// them. It signs for kubernetes.io's own signers alone, with one authority.
//
// Invariants: nothing is signed that isn't approved, or that has failed or was denied; a certificate never outlives its authority.
package certificates

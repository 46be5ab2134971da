// Package bootstraptokens is two loops for the secrets of bootstrap tokens in kube-system. One signs what kube-public/cluster-info says
// of the cluster with each of them, so that a machine which knows nothing but a token can tell the right cluster. The other deletes those
// whose time is over.
//
// Read Signer. Where there is no cluster-info, which kubeadm makes, there is nothing to sign.
//
// Invariant: a signature lies in cluster-info as long as its token is good, and no longer.
package bootstraptokens

// Package rootca publishes the certificate authority of the apiserver in every namespace, as the ConfigMap kube-root-ca.crt. It is
// mounted beside the tokens of pods, so that what runs there can tell the real apiserver. What somebody changes in it is put right.
package rootca

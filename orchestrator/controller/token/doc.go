// Package token fills Secrets of type kubernetes.io/service-account-token that users make for a ServiceAccount: with a token that
// does not expire, the certificate authority of the apiserver, and the namespace. They are deleted when the account goes, or when
// another of its name takes its place.
//
// It makes no Secrets itself: the tokens of pods are of another kind, which expire, and kubelets ask for those.
package token

// Package serviceaccount makes and judges the tokens by which pods and other programs say which service account they are.
//
// A token is a signed JWT. A bound token, which the token subresource of service accounts gives out, expires, is meant for
// audiences, and names by UID the account and perhaps a pod, a secret or a node: it is good only as long as these exist. A legacy token
// lies in a secret of type kubernetes.io/service-account-token, never expires, and is good as long as that secret holds it.
// The issuer within a token tells which of the two it claims to be.
//
// Read Claims first, then Issuer, which signs them, and Authenticator, which reads them back. Discovery tells others how to verify
// bound tokens by themselves (OpenID Connect).
//
// Invariants: only the signature algorithms in keys.go are ever tried, so a token cannot choose "none" or have a public key used as
// a shared secret; no claim is believed before its signature was verified, save the issuer, which only decides who is to verify.
package serviceaccount

// Package authn finds out who sends a request.
//
// New joins all ways to show that: headers of a front proxy, a client certificate, a bearer token of a file, of a service account or of
// a machine that joins. The first that knows the credential decides. A request without any is anonymous, where that is allowed. One with
// a credential that nobody knows, or that is no longer good, is refused, and never passes as anonymous.
//
// Invariant: everybody is in the group system:authenticated, except the anonymous, who are in system:unauthenticated.
package authn

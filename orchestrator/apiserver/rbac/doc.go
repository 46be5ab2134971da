// Package rbac decides by roles and bindings what a user may do, and keeps users from granting what they don't have themselves.
//
// Read Resolver first: it finds the rules that bindings give to a user. Authorizer looks whether one of them allows a request;
// Escalation, an admission plugin for roles and bindings, looks whether all of them together cover what a user is about to grant.
//
// Rules only ever allow. So the Authorizer never denies: it has no opinion where no rule allows, and where a binding names a role that
// doesn't exist the other bindings still count.
//
// The group system:masters is no matter of this package's Authorizer (a separate one lets it pass), only of Escalation, which
// never stops it.
package rbac

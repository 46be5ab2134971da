// Package authz decides whether a user may do what a request asks for.
//
// New joins the modes of --authorization-mode, in their order. The first that allows or denies decides; none here denies, so a request
// is allowed when any of them allows it. Before all of them, the group system:masters may do everything: so an
// administrator can mend a cluster whose roles are broken, and the apiserver can talk to itself.
//
// Webhook and ABAC are refused.
package authz

// Package noderestriction is the admission plugin NodeRestriction: a kubelet changes only what is its own. That is its Node, Lease and
// CSINode, and the pods that are bound to it; so one broken node cannot draw the work of others to itself, or read their secrets.
//
// Read Plugin.Admit, which knows a kubelet by its user name and group and hands each resource to a rule. What the rules don't name,
// the authorizer has let pass and is none of this package's business.
//
// Not checked: the audiences of the tokens that a kubelet asks for.
package noderestriction

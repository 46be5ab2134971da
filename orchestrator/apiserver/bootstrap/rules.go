package bootstrap

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// The sets of verbs that roles are made of.
const (
	read      = "get list watch"
	write     = "create delete deletecollection patch update"
	readWrite = read + " " + write
)

// The names of API groups as they stand in rules. The empty one is that of pods.
const (
	core           = ""
	apps           = "apps"
	authentication = "authentication.k8s.io"
	authorization  = "authorization.k8s.io"
	autoscaling    = "autoscaling"
	batch          = "batch"
	certificates   = "certificates.k8s.io"
	coordination   = "coordination.k8s.io"
	discovery      = "discovery.k8s.io"
	events         = "events.k8s.io"
	networking     = "networking.k8s.io"
	node           = "node.k8s.io"
	policy         = "policy"
	rbac           = "rbac.authorization.k8s.io"
	storage        = "storage.k8s.io"
)

// may returns a rule for resources of one API group. Verbs and resources are separated by blanks.
func may(verbs, group, resources string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: strings.Fields(verbs), APIGroups: []string{group}, Resources: strings.Fields(resources)}
}

// mayNamed returns a rule for the resources that have one of the names.
func mayNamed(verbs, group, resources string, names ...string) rbacv1.PolicyRule {
	rule := may(verbs, group, resources)
	rule.ResourceNames = names
	return rule
}

// mayVisit returns a rule for paths that are no resources.
func mayVisit(verbs string, paths ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: strings.Fields(verbs), NonResourceURLs: paths}
}

// mayWriteEvents is what everything has that tells the cluster what it does.
func mayWriteEvents() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: strings.Fields("create patch update"), APIGroups: []string{core, events}, Resources: []string{"events"}}
}

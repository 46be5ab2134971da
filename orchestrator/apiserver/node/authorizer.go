package node

import (
	"context"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"

	"github.com/petcd/petcd/orchestrator/apiserver/rbac"
)

// Authorizer allows what kubelets need. It has no opinion on anything else, and none on other users.
type Authorizer struct {
	authorizer.AuthorizerFunc
	relations *relations
	rules     []rbacv1.PolicyRule
	judges    map[schema.GroupResource]judge
}

// judge decides on one kind: whether a request of a node is allowed and, if it is not, why.
type judge func(node string, attrs authorizer.Attributes) (why string, allowed bool)

// New returns an authorizer that follows what the informers see. The rules are for kinds of which no object is told from another. It adds
// indexes to the informers, so that it can be made once for each factory.
func New(shared informers.SharedInformerFactory, rules []rbacv1.PolicyRule) (*Authorizer, error) {
	r, err := newRelations(shared)
	if err != nil {
		return nil, err
	}
	a := &Authorizer{relations: r, rules: rules}
	a.AuthorizerFunc = a.authorize
	a.judges = map[schema.GroupResource]judge{
		{Resource: "secrets"}:                                    a.readable(secret),
		{Resource: "configmaps"}:                                 a.readable(configMap),
		{Resource: "persistentvolumeclaims"}:                     a.claim,
		{Resource: "persistentvolumes"}:                          a.gettable(volume),
		{Group: "storage.k8s.io", Resource: "volumeattachments"}: a.gettable(attachment),
		{Resource: "serviceaccounts"}:                            a.serviceAccount,
		{Group: "coordination.k8s.io", Resource: "leases"}:       lease,
		{Group: "storage.k8s.io", Resource: "csinodes"}:          csiNode,
		{Resource: "nodes"}:                                      ownNode,
		{Resource: "pods"}:                                       a.pod,
	}
	return a, nil
}

func (a *Authorizer) authorize(_ context.Context, attrs authorizer.Attributes) (authorizer.Decision, string, error) {
	node, isNode := nodeOf(attrs.GetUser())
	if !isNode {
		return authorizer.DecisionNoOpinion, "", nil
	}
	if node == "" {
		return authorizer.DecisionNoOpinion, fmt.Sprintf("unknown node for user %q", attrs.GetUser().GetName()), nil
	}
	decide, ok := a.judges[schema.GroupResource{Group: attrs.GetAPIGroup(), Resource: attrs.GetResource()}]
	if !ok || !attrs.IsResourceRequest() {
		if rbac.Allow(a.rules, attrs) {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	}
	if why, allowed := decide(node, attrs); !allowed {
		return authorizer.DecisionNoOpinion, why, nil
	}
	return authorizer.DecisionAllow, "", nil
}

// RulesFor implements authorizer.RuleResolver. What a node may do is not said in rules.
func (a *Authorizer) RulesFor(_ context.Context, u user.Info, _ string) (
	[]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error,
) {
	if _, isNode := nodeOf(u); isNode {
		return nil, nil, true, errors.New("node authorizer does not support user rule resolution")
	}
	return nil, nil, false, nil
}

// related allows what a pod on the node leads to.
func (a *Authorizer) related(to kind, node string, attrs authorizer.Attributes) (string, bool) {
	if attrs.GetName() == "" {
		return "No Object name found", false
	}
	if ok, err := a.relations.leads(node, to, attrs.GetNamespace(), attrs.GetName()); err != nil || !ok {
		return fmt.Sprintf("no relationship found between node '%s' and this object", node), false
	}
	return "", true
}

// gettable allows to get one by one.
func (a *Authorizer) gettable(to kind) judge {
	return func(node string, attrs authorizer.Attributes) (string, bool) {
		if attrs.GetVerb() != "get" {
			return "can only get individual resources of this type", false
		}
		if attrs.GetSubresource() != "" {
			return "cannot get subresource", false
		}
		return a.related(to, node, attrs)
	}
}

// readable allows to list and watch, too: a single one, by its name.
func (a *Authorizer) readable(to kind) judge {
	return func(node string, attrs authorizer.Attributes) (string, bool) {
		switch attrs.GetVerb() {
		case "get", "list", "watch":
		default:
			return "can only read resources of this type", false
		}
		if attrs.GetSubresource() != "" {
			return "cannot read subresource", false
		}
		if attrs.GetNamespace() == "" {
			return "can only read namespaced object of this type", false
		}
		return a.related(to, node, attrs)
	}
}

// claim lets the size be reported after a volume has grown.
func (a *Authorizer) claim(node string, attrs authorizer.Attributes) (string, bool) {
	if attrs.GetSubresource() != "status" {
		return a.gettable(claim)(node, attrs)
	}
	switch attrs.GetVerb() {
	case "get", "update", "patch":
		return a.related(claim, node, attrs)
	default:
		return "can only get/update/patch this type", false
	}
}

func (a *Authorizer) serviceAccount(node string, attrs authorizer.Attributes) (string, bool) {
	if attrs.GetVerb() == "get" {
		return a.gettable(serviceAccount)(node, attrs)
	}
	if attrs.GetVerb() != "create" || attrs.GetName() == "" {
		return "can only create tokens for individual service accounts", false
	}
	if attrs.GetSubresource() != "token" {
		return "can only create token subresource of service account", false
	}
	return a.related(serviceAccount, node, attrs)
}

// pod allows to see what is bound to the node. Which pods it may create and delete is for admission to say.
func (a *Authorizer) pod(node string, attrs authorizer.Attributes) (string, bool) {
	switch attrs.GetSubresource() + " " + attrs.GetVerb() {
	case " get":
		return a.related(pod, node, attrs)
	case " list", " watch":
		if selected, err := attrs.GetFieldSelector(); err == nil {
			for _, s := range selected {
				if s.Field == "spec.nodeName" && s.Operator == selection.Equals && s.Value == node {
					return "", true
				}
			}
		}
		return "can only list/watch pods with spec.nodeName field selector", false
	case " create", " delete", "status update", "status patch", "eviction create":
		return "", true
	}
	return "", false
}

// ownNode compares names instead of following references: a kubelet looks for its Node before there is one.
func ownNode(node string, attrs authorizer.Attributes) (string, bool) {
	switch attrs.GetSubresource() + " " + attrs.GetVerb() {
	case " create", " update", " patch", "status update", "status patch":
		return "", true // of which node is for admission to say
	case " get", " list", " watch":
		switch attrs.GetName() {
		case node:
			return "", true
		case "":
			return fmt.Sprintf("node '%s' cannot read all nodes, only its own Node object", node), false
		default:
			return fmt.Sprintf("node '%s' cannot read '%s', only its own Node object", node, attrs.GetName()), false
		}
	}
	return "", false
}

func lease(node string, attrs authorizer.Attributes) (string, bool) {
	if !mayUse(attrs.GetVerb()) {
		return "can only get, create, update, patch, or delete a node lease", false
	}
	if attrs.GetNamespace() != v1.NamespaceNodeLease {
		return fmt.Sprintf("can only access leases in the %q system namespace", v1.NamespaceNodeLease), false
	}
	if attrs.GetVerb() != "create" && attrs.GetName() != node { // one that is created has no name in the request
		return "can only access node lease with the same name as the requesting node", false
	}
	return "", true
}

func csiNode(node string, attrs authorizer.Attributes) (string, bool) {
	if !mayUse(attrs.GetVerb()) {
		return "can only get, create, update, patch, or delete a CSINode", false
	}
	if attrs.GetSubresource() != "" {
		return "cannot authorize CSINode subresources", false
	}
	if attrs.GetVerb() != "create" && attrs.GetName() != node {
		return "can only access CSINode with the same name as the requesting node", false
	}
	return "", true
}

// mayUse tells whether a verb is for one object that belongs to a node.
func mayUse(verb string) bool {
	switch verb {
	case "get", "create", "update", "patch", "delete":
		return true
	}
	return false
}

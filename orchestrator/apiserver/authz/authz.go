package authz

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/client-go/informers"

	"github.com/petcd/petcd/orchestrator/apiserver/bootstrap"
	"github.com/petcd/petcd/orchestrator/apiserver/node"
	"github.com/petcd/petcd/orchestrator/apiserver/rbac"
)

// The modes.
const (
	Node        = "Node"
	RBAC        = "RBAC"
	AlwaysAllow = "AlwaysAllow"
	AlwaysDeny  = "AlwaysDeny"
)

// New returns the authorizer of the modes, and what tells a user's rules as far as the modes have any. It is to be called before the
// informers start.
func New(modes []string, shared informers.SharedInformerFactory) (authorizer.Authorizer, authorizer.RuleResolver, error) {
	if len(modes) == 0 {
		return nil, nil, errors.New("at least one authorization-mode must be passed")
	}
	authorizers := []union.NamedAuthorizer{{
		AuthorizerName: "system-masters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup),
	}}
	var resolvers []authorizer.RuleResolver
	seen := sets.New[string]()
	for _, mode := range modes {
		if seen.Has(mode) {
			return nil, nil, fmt.Errorf("authorization-mode %q has mode specified more than once", modes)
		}
		seen.Insert(mode)
		a, r, err := one(mode, shared)
		if err != nil {
			return nil, nil, err
		}
		authorizers = append(authorizers, union.NamedAuthorizer{AuthorizerName: strings.ToLower(mode), Authorizer: a})
		resolvers = append(resolvers, r)
	}
	all, err := union.New(authorizers...)
	if err != nil {
		return nil, nil, fmt.Errorf("authorization: %w", err)
	}
	return all, union.NewRuleResolvers(resolvers...), nil
}

func one(mode string, shared informers.SharedInformerFactory) (authorizer.Authorizer, authorizer.RuleResolver, error) {
	switch mode {
	case Node:
		n, err := node.New(shared, bootstrap.NodeRules())
		return n, n, err
	case RBAC:
		r := rbac.NewResolver(shared.Rbac().V1())
		return r.Authorizer(), r, nil
	case AlwaysAllow:
		a := authorizerfactory.NewAlwaysAllowAuthorizer()
		return a, a, nil
	case AlwaysDeny:
		a := authorizerfactory.NewAlwaysDenyAuthorizer()
		return a, a, nil
	case "Webhook", "ABAC":
		return nil, nil, fmt.Errorf("authorization-mode %q is not supported: use Node and RBAC", mode)
	default:
		return nil, nil, fmt.Errorf("authorization-mode %q is not a valid mode", mode)
	}
}

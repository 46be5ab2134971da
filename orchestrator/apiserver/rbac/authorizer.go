package rbac

import (
	"context"
	"errors"
	"fmt"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Authorizer returns what allows a request that one of its user's rules allows, and has no opinion on any other.
func (r *Resolver) Authorizer() authorizer.Authorizer {
	return authorizer.AuthorizerFunc(r.authorize)
}

func (r *Resolver) authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	u := a.GetUser()
	if u == nil {
		return authorizer.DecisionNoOpinion, "", errors.New("no user on request")
	}
	var errs []error
	for g, err := range r.grants(u, a.GetNamespace()) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if allows(g.rule, a) {
			return authorizer.DecisionAllow, "RBAC: allowed by " + g.binding.String(), nil
		}
	}
	if err := utilerrors.NewAggregate(errs); err != nil {
		return authorizer.DecisionNoOpinion, fmt.Sprintf("RBAC: %v", err), nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

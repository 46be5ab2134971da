package rbac

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Allow tells whether one of the rules allows a request.
func Allow(rules []rbacv1.PolicyRule, a authorizer.Attributes) bool {
	return slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool { return allows(&rule, a) })
}

// allows tells whether a rule allows a request.
func allows(rule *rbacv1.PolicyRule, a authorizer.Attributes) bool {
	if !has(rule.Verbs, rbacv1.VerbAll, a.GetVerb()) {
		return false
	}
	if !a.IsResourceRequest() {
		return slices.ContainsFunc(rule.NonResourceURLs, func(pattern string) bool { return pathMatches(pattern, a.GetPath()) })
	}
	return has(rule.APIGroups, rbacv1.APIGroupAll, a.GetAPIGroup()) &&
		resourceMatches(rule, a.GetResource(), a.GetSubresource()) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, a.GetName()))
}

// has tells whether a list has an item, or the word that stands for all.
func has(list []string, all, item string) bool {
	return slices.Contains(list, all) || slices.Contains(list, item)
}

// resourceMatches: "pods" is pods only, "pods/log" their logs, "*/scale" that subresource of all, and "*" everything.
func resourceMatches(rule *rbacv1.PolicyRule, resource, subresource string) bool {
	if subresource == "" {
		return has(rule.Resources, rbacv1.ResourceAll, resource)
	}
	return has(rule.Resources, rbacv1.ResourceAll, resource+"/"+subresource) || slices.Contains(rule.Resources, "*/"+subresource)
}

// pathMatches: a pattern matches itself, and with a star at its end all that begins as it does.
func pathMatches(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(path, prefix) {
		return true
	}
	return pattern == path
}

// compact joins rules that differ in their verbs only. What it gets was broken down: one group, resource and name each.
func compact(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var joined []rbacv1.PolicyRule
	at := map[string]int{}
	for _, rule := range rules {
		verbs := rule.Verbs
		rule.Verbs = nil
		key := describe(&rule)
		i, ok := at[key]
		if !ok {
			i = len(joined)
			at[key] = i
			joined = append(joined, rule)
		}
		for _, v := range verbs {
			if !slices.Contains(joined[i].Verbs, v) {
				joined[i].Verbs = append(joined[i].Verbs, v)
			}
		}
	}
	return joined
}

// describe writes a rule in one line, without what it leaves empty.
func describe(rule *rbacv1.PolicyRule) string {
	var parts []string
	add := func(field string, values []string) {
		if len(values) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%q", field, values))
		}
	}
	add("APIGroups", rule.APIGroups)
	add("Resources", rule.Resources)
	add("NonResourceURLs", rule.NonResourceURLs)
	add("ResourceNames", rule.ResourceNames)
	add("Verbs", rule.Verbs)
	return "{" + strings.Join(parts, ", ") + "}"
}

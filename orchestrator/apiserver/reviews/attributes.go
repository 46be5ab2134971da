package reviews

import (
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// attributesOf returns the request that a question is about.
func attributesOf(
	u user.Info, resource *authorizationv1.ResourceAttributes, other *authorizationv1.NonResourceAttributes,
) *authorizer.AttributesRecord {
	if resource == nil {
		a := &authorizer.AttributesRecord{User: u}
		if other != nil {
			a.Verb, a.Path = other.Verb, other.Path
		}
		return a
	}
	a := &authorizer.AttributesRecord{
		User: u, Verb: resource.Verb, Namespace: resource.Namespace, APIGroup: resource.Group, APIVersion: resource.Version,
		Resource: resource.Resource, Subresource: resource.Subresource, Name: resource.Name, ResourceRequest: true,
	}
	if a.APIVersion == "" {
		a.APIVersion = "*"
	}
	if resource.FieldSelector != nil {
		a.FieldSelectorRequirements, a.FieldSelectorParsingErr = fieldRequirements(resource.FieldSelector)
	}
	if resource.LabelSelector != nil {
		a.LabelSelectorRequirements, a.LabelSelectorParsingErr = labelRequirements(resource.LabelSelector)
	}
	return a
}

// fieldRequirements returns what it understands even where it understands not all: a selector only ever makes a request ask for less.
func fieldRequirements(s *authorizationv1.FieldSelectorAttributes) (fields.Requirements, error) {
	if s.RawSelector != "" {
		selector, err := fields.ParseSelector(s.RawSelector)
		if err != nil {
			return nil, fmt.Errorf("spec.resourceAttributes.fieldSelector ignored due to parse error: %w", err)
		}
		return selector.Requirements(), nil
	}
	var all fields.Requirements
	var errs []error
	for _, r := range s.Requirements {
		operator, known := map[metav1.FieldSelectorOperator]selection.Operator{
			metav1.FieldSelectorOpIn: selection.Equals, metav1.FieldSelectorOpNotIn: selection.NotEquals,
		}[r.Operator]
		if !known || len(r.Values) != 1 {
			errs = append(errs, fmt.Errorf("spec.resourceAttributes.fieldSelector partially ignored due to parse error: "+
				"%q of %q with %d values is not supported", r.Operator, r.Key, len(r.Values)))
			continue
		}
		all = append(all, fields.Requirement{Field: r.Key, Operator: operator, Value: r.Values[0]})
	}
	return all, errors.Join(errs...)
}

func labelRequirements(s *authorizationv1.LabelSelectorAttributes) (labels.Requirements, error) {
	if s.RawSelector != "" {
		selector, err := labels.Parse(s.RawSelector)
		if err != nil {
			return nil, fmt.Errorf("spec.resourceAttributes.labelSelector ignored due to parse error: %w", err)
		}
		all, _ := selector.Requirements()
		return all, nil
	}
	var all labels.Requirements
	var errs []error
	for _, r := range s.Requirements {
		selector, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{r}})
		if err != nil {
			errs = append(errs, fmt.Errorf("spec.resourceAttributes.labelSelector partially ignored due to parse error: %w", err))
			continue
		}
		own, _ := selector.Requirements()
		all = append(all, own...)
	}
	return all, errors.Join(errs...)
}

// checkSelectors: a selector comes as text or taken apart, not both, and is not empty.
func checkSelectors(r *authorizationv1.ResourceAttributes, path *field.Path) (errs field.ErrorList) {
	check := func(raw string, requirements int, path *field.Path) {
		switch {
		case raw != "" && requirements > 0:
			errs = append(errs, field.Invalid(path.Child("rawSelector"), raw, "may not specified at the same time as requirements"))
		case raw == "" && requirements == 0:
			errs = append(errs, field.Required(path.Child("requirements"),
				"when "+path.String()+" is specified, requirements or rawSelector is required"))
		}
	}
	if f := r.FieldSelector; f != nil {
		check(f.RawSelector, len(f.Requirements), path.Child("fieldSelector"))
	}
	if l := r.LabelSelector; l != nil {
		check(l.RawSelector, len(l.Requirements), path.Child("labelSelector"))
	}
	return errs
}

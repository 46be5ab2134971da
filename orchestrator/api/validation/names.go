package validation

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The rules for names of objects. With prefix, more will be appended to the name.
var (
	dnsSubdomain apivalidation.ValidateNameFunc = apivalidation.NameIsDNSSubdomain
	dnsLabel     apivalidation.ValidateNameFunc = apivalidation.NameIsDNSLabel
	dns1035Label apivalidation.ValidateNameFunc = apivalidation.NameIsDNS1035Label
)

// pathSegment is the rule for names that need only be part of a URL's path.
func pathSegment(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}

// caseless reads a name as if it were written small, as drivers' and provisioners' names are read.
func caseless(s string) []string { return validation.IsQualifiedName(strings.ToLower(s)) }

// standardFinalizer asks that a finalizer has a domain, so that one can tell whose it is, unless it is Kubernetes' own.
func standardFinalizer(at path, name string) errs {
	own := name == string(v1.FinalizerKubernetes) || name == metav1.FinalizerOrphanDependents || name == metav1.FinalizerDeleteDependents
	return when(!own && !strings.Contains(name, "/"),
		field.Invalid(at, name, "name is neither a standard finalizer name nor is it fully qualified"))
}

// domainPath asks for the name of a controller, if there is one: a domain, a slash and a name.
func domainPath(at path, s string) errs {
	if s == "" {
		return nil
	}
	return validation.IsDomainPrefixedPath(at, s)
}

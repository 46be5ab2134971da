package validation

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// errs is what a check returns: nil if all is well.
type errs = field.ErrorList

// path is where in an object a check looks.
type path = *field.Path

// when returns the error if it applies.
func when(applies bool, err *field.Error) errs {
	if applies {
		return errs{err}
	}
	return nil
}

// invalid returns an error for each message about a value, as the functions of util/validation return them.
func invalid(at path, value any, messages []string) errs {
	var all errs
	for _, m := range messages {
		all = append(all, field.Invalid(at, value, m))
	}
	return all
}

// need asks for a string that isn't empty.
func need(at path, s string) errs { return when(s == "", field.Required(at, "")) }

// needValid asks for a string that isn't empty and about which a function of util/validation has nothing to say.
func needValid(at path, s string, check func(string) []string) errs {
	if s == "" {
		return need(at, s)
	}
	return invalid(at, s, check(s))
}

// mayValid is needValid for a string that may be empty.
func mayValid(at path, s string, check func(string) []string) errs {
	if s == "" {
		return nil
	}
	return invalid(at, s, check(s))
}

// label asks for the name of an object that is part of a host name.
func label(s string) []string { return validation.IsDNS1123Label(s) }

// subdomain asks for the name of an object of most kinds.
func subdomain(s string) []string { return validation.IsDNS1123Subdomain(s) }

// oneOf asks for one of the allowed values.
func oneOf[T ~string](at path, v T, allowed ...T) errs {
	if v == "" {
		return errs{field.Required(at, "")}
	}
	return maybeOneOf(at, v, allowed...)
}

// maybeOneOf is oneOf for what may be empty.
func maybeOneOf[T ~string](at path, v T, allowed ...T) errs {
	if v == "" || slices.Contains(allowed, v) {
		return nil
	}
	slices.Sort(allowed)
	return errs{field.NotSupported(at, v, allowed)}
}

// oneOfPtr is oneOf for what may be absent, but not empty.
func oneOfPtr[T ~string](at path, v *T, allowed ...T) errs {
	if v == nil || slices.Contains(allowed, *v) {
		return nil
	}
	slices.Sort(allowed)
	return errs{field.NotSupported(at, *v, allowed)}
}

// notNegative asks for zero or more.
func notNegative[T int32 | int64](at path, n T) errs {
	return apivalidation.ValidateNonnegativeField(int64(n), at)
}

// notNegativePtr is notNegative for what may be absent.
func notNegativePtr[T int32 | int64](at path, n *T) errs {
	if n == nil {
		return nil
	}
	return notNegative(at, *n)
}

// needCount asks for a number that defaulting fills, zero or more.
func needCount(at path, n *int32) errs {
	if n == nil {
		return errs{field.Required(at, "")}
	}
	return notNegative(at, *n)
}

// unchanged asks that a field is as it was.
func unchanged(at path, now, was any) errs {
	return apivalidation.ValidateImmutableField(now, was, at)
}

// port asks for a port number.
func port(at path, n int32) errs {
	return invalid(at, n, validation.IsValidPortNum(int(n)))
}

// portOrName asks for the number of a port or for the name of a container's port.
func portOrName(at path, p intstr.IntOrString) errs {
	if p.Type == intstr.String {
		return invalid(at, p.StrVal, validation.IsValidPortName(p.StrVal))
	}
	return port(at, p.IntVal)
}

// countOrPercent asks for a number of zero or more or for a percentage.
func countOrPercent(at path, n *intstr.IntOrString) errs {
	switch {
	case n == nil:
		return nil
	case n.Type == intstr.String:
		return invalid(at, *n, validation.IsValidPercent(n.StrVal))
	case n.Type == intstr.Int:
		return notNegative(at, n.IntVal)
	default:
		return errs{field.Invalid(at, *n, "must be an integer or percentage (e.g '5%%')")}
	}
}

// atMostAll asks that a percentage is one of the whole or less.
func atMostAll(at path, n *intstr.IntOrString) errs {
	percent, ok := percentOf(n)
	return when(ok && percent > 100, field.Invalid(at, n, "must not be greater than 100%"))
}

// percentOf returns the number before the percent sign, if it is that.
func percentOf(n *intstr.IntOrString) (int, bool) {
	if n == nil || n.Type != intstr.String || len(validation.IsValidPercent(n.StrVal)) != 0 {
		return 0, false
	}
	percent, err := intstr.GetScaledValueFromIntOrPercent(n, 100, false)
	return percent, err == nil
}

// isZero tells that a count or a percentage comes to nothing.
func isZero(n *intstr.IntOrString) bool {
	if percent, ok := percentOf(n); ok {
		return percent == 0
	}
	return n == nil || n.Type == intstr.Int && n.IntVal == 0
}

// selector asks for a label selector that can be understood; none is fine.
func selector(at path, s *metav1.LabelSelector) errs {
	return metavalidation.ValidateLabelSelector(s, metavalidation.LabelSelectorValidationOptions{}, at)
}

// qualified asks for a name that may have a DNS prefix.
func qualified(at path, name string) errs { return metavalidation.ValidateLabelName(name, at) }

// each checks all items of a list.
func each[T any](at path, items []T, check func(path, *T) errs) errs {
	var all errs
	for i := range items {
		all = append(all, check(at.Index(i), &items[i])...)
	}
	return all
}

// unique reports items of a list whose key an earlier one has. An empty key is nobody's.
func unique[T any](at path, items []T, child string, key func(*T) string) errs {
	var all errs
	seen := map[string]bool{}
	for i := range items {
		k := key(&items[i])
		if k == "" {
			continue
		}
		if seen[k] {
			all = append(all, field.Duplicate(at.Index(i).Child(child), k))
		}
		seen[k] = true
	}
	return all
}

// fieldsSet returns the names, as clients write them, of the pointers in a struct that aren't nil. It finds what is given of a union.
func fieldsSet(union any) []string {
	var names []string
	v := reflect.Indirect(reflect.ValueOf(union))
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

// oneMember asks that one field of a union is set, no more and no less.
func oneMember(at path, union any, none, more string) errs {
	set := fieldsSet(union)
	if len(set) == 0 {
		return errs{field.Required(at, none)}
	}
	var all errs
	for _, name := range set[1:] {
		all = append(all, field.Forbidden(at.Child(name), more))
	}
	return all
}

// ordered returns the keys of a map in order, so that errors come in the same order each time.
func ordered[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// between asks for a number from lo to hi.
func between[T int32 | int64](at path, n, lo, hi T) errs {
	return when(n < lo || n > hi, field.Invalid(at, n, validation.InclusiveRangeError(int(lo), int(hi))))
}

// tooMany asks for a list of at most so many.
func tooMany(at path, n, most int) errs { return when(n > most, field.TooMany(at, n, most)) }

// ip asks for an address, written as one writes it today.
func ip(at path, s string) errs { return validation.IsValidIPForLegacyField(at, s, true, nil) }

// cidr asks for a range of addresses.
func cidr(at path, s string) errs { return validation.IsValidCIDRForLegacyField(at, s, true, nil) }

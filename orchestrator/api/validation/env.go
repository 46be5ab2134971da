package validation

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// envVar checks a variable, and where its value comes from if it isn't given.
func envVar(at path, e *v1.EnvVar) errs {
	all := needValid(at.Child("name"), e.Name, validation.IsRelaxedEnvVarName)
	from := e.ValueFrom
	if from == nil {
		return all
	}
	at = at.Child("valueFrom")
	switch n := len(fieldsSet(from)); {
	case n == 0:
		all = append(all, field.Invalid(at, "",
			"must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
	case e.Value != "":
		all = append(all, field.Invalid(at, "", "may not be specified when `value` is not empty"))
	case n > 1:
		all = append(all, field.Invalid(at, "", "may not have more than one field specified at a time"))
	}
	if f := from.FieldRef; f != nil {
		all = append(all, fieldRef(at.Child("fieldRef"), f, envFields)...)
	}
	if r := from.ResourceFieldRef; r != nil {
		all = append(all, resourceFieldRef(at.Child("resourceFieldRef"), r, false)...)
	}
	if k := from.ConfigMapKeyRef; k != nil {
		all = append(all, keyRef(at.Child("configMapKeyRef"), k.Name, k.Key)...)
	}
	if k := from.SecretKeyRef; k != nil {
		all = append(all, keyRef(at.Child("secretKeyRef"), k.Name, k.Key)...)
	}
	if k := from.FileKeyRef; k != nil {
		at := at.Child("fileKeyRef")
		all = slices.Concat(all,
			needValid(at.Child("key"), k.Key, validation.IsRelaxedEnvVarName),
			needValid(at.Child("volumeName"), k.VolumeName, label),
			needPathInside(at.Child("path"), k.Path),
		)
	}
	return all
}

// keyRef checks the name of an object and of a key in it. Whether they exist is found out when the container starts.
func keyRef(at path, name, key string) errs {
	return slices.Concat(
		invalid(at.Child("name"), name, subdomain(name)),
		needValid(at.Child("key"), key, validation.IsConfigMapKey),
	)
}

// envFrom checks an object of which all keys become variables.
func envFrom(at path, e *v1.EnvFromSource) errs {
	all := mayValid(at.Child("prefix"), e.Prefix, validation.IsRelaxedEnvVarName)
	switch {
	case e.ConfigMapRef != nil && e.SecretRef != nil:
		all = append(all, field.Invalid(at, "", "may not have more than one field specified at a time"))
	case e.ConfigMapRef != nil:
		all = append(all, invalid(at.Child("configMapRef", "name"), e.ConfigMapRef.Name, subdomain(e.ConfigMapRef.Name))...)
	case e.SecretRef != nil:
		all = append(all, invalid(at.Child("secretRef", "name"), e.SecretRef.Name, subdomain(e.SecretRef.Name))...)
	default:
		all = append(all, field.Invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"))
	}
	return all
}

// The fields of a pod that its containers can be told. A volume's file is rewritten when labels change; an environment never is,
// but has addresses.
var (
	envFields = sets.New("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs")
	volumeFields = sets.New("metadata.name", "metadata.namespace", "metadata.labels", "metadata.annotations", "metadata.uid")
	podFields    = envFields.Union(volumeFields).Union(sets.New("spec.restartPolicy", "spec.schedulerName", "spec.hostNetwork",
		"status.phase", "status.nominatedNodeName"))
)

// fieldRef checks the name of a pod's field, which may be one entry of its labels or annotations: metadata.labels['key'].
func fieldRef(at path, f *v1.ObjectFieldSelector, allowed sets.Set[string]) errs {
	if f.APIVersion == "" {
		return need(at.Child("apiVersion"), "")
	}
	if f.FieldPath == "" {
		return need(at.Child("fieldPath"), "")
	}
	at = at.Child("fieldPath")
	if name, key, ok := subscript(f.FieldPath); ok {
		switch name {
		case "metadata.annotations":
			return qualified(at, strings.ToLower(key))
		case "metadata.labels":
			return qualified(at, key)
		default:
			return errs{field.Invalid(at, name, "does not support subscript")}
		}
	}
	if !podFields.Has(f.FieldPath) {
		return errs{field.Invalid(at, f.FieldPath, "error converting fieldPath: field label not supported: "+f.FieldPath)}
	}
	return when(!allowed.Has(f.FieldPath), field.NotSupported(at, f.FieldPath, sets.List(allowed)))
}

// subscript takes name['key'] apart.
func subscript(s string) (name, key string, ok bool) {
	s, ok = strings.CutSuffix(s, "']")
	if !ok {
		return "", "", false
	}
	name, key, ok = strings.Cut(s, "['")
	return name, key, ok && name != ""
}

// resourceFields are what a container can be told about its resources, beside huge pages.
var resourceFields = []string{"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",
	"requests.memory"}

// resourceFieldRef checks the name of a container's request or limit. A volume belongs to no container, so it must name one.
func resourceFieldRef(at path, r *v1.ResourceFieldSelector, inVolume bool) errs {
	if inVolume && r.ContainerName == "" {
		return need(at.Child("containerName"), "")
	}
	if r.Resource == "" {
		return need(at.Child("resource"), "")
	}
	known := slices.Contains(resourceFields, r.Resource) ||
		strings.HasPrefix(r.Resource, "limits."+v1.ResourceHugePagesPrefix) ||
		strings.HasPrefix(r.Resource, "requests."+v1.ResourceHugePagesPrefix)
	if !known {
		return errs{field.NotSupported(at.Child("resource"), r.Resource, resourceFields)}
	}
	return divisor(at.Child("divisor"), r)
}

// divisor asks for a unit that suits the resource.
func divisor(at path, r *v1.ResourceFieldSelector) errs {
	if r.Divisor.IsZero() {
		return nil
	}
	units := []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}
	if strings.HasSuffix(r.Resource, ".cpu") {
		units = []string{"1m", "1"}
	}
	given := r.Divisor.String()
	what := r.Resource[strings.LastIndex(r.Resource, ".")+1:]
	if strings.Contains(what, v1.ResourceHugePagesPrefix) || slices.Contains(units, given) {
		return nil
	}
	return errs{field.Invalid(at, given,
		fmt.Sprintf("only divisor's values %s are supported with the %s resource", strings.Join(units, ", "), what))}
}

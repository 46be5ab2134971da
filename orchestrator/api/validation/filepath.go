package validation

import (
	slashpath "path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// pathInside asks for a path that stays in the folder that it starts in.
func pathInside(at path, p string) errs {
	return append(when(slashpath.IsAbs(p), field.Invalid(at, p, "must be a relative path")), noBacksteps(at, p)...)
}

// needPathInside is pathInside of a name that the kubelet writes, beside names of its own that begin with two dots.
func needPathInside(at path, p string) errs {
	if p == "" {
		return errs{field.Required(at, "")}
	}
	return append(pathInside(at, p),
		when(strings.HasPrefix(p, "..") && !strings.HasPrefix(p, "../"), field.Invalid(at, p, "must not start with '..'"))...)
}

// noBacksteps asks that no part of a path is "..".
func noBacksteps(at path, p string) errs {
	parts := strings.Split(strings.ReplaceAll(p, `\`, "/"), "/")
	return when(slices.Contains(parts, ".."), field.Invalid(at, p, "must not contain '..'"))
}

package validation

import (
	"fmt"
	"regexp"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podSecurity checks who a pod's processes are, and which of the node's namespaces they share.
func podSecurity(at path, s *v1.PodSpec) errs {
	all := when(s.HostPID && s.ShareProcessNamespace != nil && *s.ShareProcessNamespace,
		field.Invalid(at.Child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled"))
	all = append(all, hostUsers(at, s)...)
	c := s.SecurityContext
	if c == nil {
		return all
	}
	return slices.Concat(all,
		userID(at.Child("runAsUser"), c.RunAsUser),
		groupID(at.Child("runAsGroup"), c.RunAsGroup),
		groupID(at.Child("fsGroup"), c.FSGroup),
		each(at.Child("supplementalGroups"), c.SupplementalGroups, groupID),
		oneOfPtr(at.Child("fsGroupChangePolicy"), c.FSGroupChangePolicy, v1.FSGroupChangeAlways, v1.FSGroupChangeOnRootMismatch),
		oneOfPtr(at.Child("supplementalGroupsPolicy"), c.SupplementalGroupsPolicy,
			v1.SupplementalGroupsPolicyMerge, v1.SupplementalGroupsPolicyStrict),
		each(at.Child("sysctls"), c.Sysctls, sysctl),
		unique(at.Child("sysctls"), c.Sysctls, "name", func(s *v1.Sysctl) string { return s.Name }),
		seccomp(at.Child("seccompProfile"), c.SeccompProfile),
		appArmor(at.Child("appArmorProfile"), c.AppArmorProfile),
	)
}

// hostUsers refuses what a pod with users of its own cannot share with the node.
func hostUsers(at path, s *v1.PodSpec) errs {
	if s.HostUsers == nil || *s.HostUsers {
		return nil
	}
	const why = "when `hostUsers` is false"
	return slices.Concat(
		when(s.HostPID, field.Forbidden(at.Child("hostPID"), why)),
		when(s.HostIPC, field.Forbidden(at.Child("hostIPC"), why)),
		when(s.HostNetwork, field.Forbidden(at.Child("hostNetwork"), why)),
	)
}

// containerSecurity checks who a container's processes are, and what they may.
func containerSecurity(at path, c *v1.SecurityContext) errs {
	if c == nil {
		return nil
	}
	return slices.Concat(
		userID(at.Child("runAsUser"), c.RunAsUser),
		groupID(at.Child("runAsGroup"), c.RunAsGroup),
		oneOfPtr(at.Child("procMount"), c.ProcMount, v1.DefaultProcMount, v1.UnmaskedProcMount),
		seccomp(at.Child("seccompProfile"), c.SeccompProfile),
		appArmor(at.Child("appArmorProfile"), c.AppArmorProfile),
		escalation(at, c),
	)
}

// escalation refuses to forbid more privileges to who has them all.
func escalation(at path, c *v1.SecurityContext) errs {
	if c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation {
		return nil
	}
	const no = "cannot set `allowPrivilegeEscalation` to false and "
	return slices.Concat(
		when(c.Privileged != nil && *c.Privileged, field.Invalid(at, c, no+"`privileged` to true")),
		when(c.Capabilities != nil && slices.Contains(c.Capabilities.Add, "CAP_SYS_ADMIN"),
			field.Invalid(at, c, no+"`capabilities.Add` CAP_SYS_ADMIN")),
	)
}

// userID asks for a number that a process can run as.
func userID(at path, id *int64) errs {
	if id == nil {
		return nil
	}
	return invalid(at, *id, validation.IsValidUserID(*id))
}

// groupID asks for a number that a process can have among its groups.
func groupID(at path, id *int64) errs {
	if id == nil {
		return nil
	}
	return invalid(at, *id, validation.IsValidGroupID(*id))
}

// seccomp checks which system calls are let through.
func seccomp(at path, p *v1.SeccompProfile) errs {
	if p == nil {
		return nil
	}
	if p.Type == "" {
		return errs{field.Required(at.Child("type"), "type is required when seccompProfile is set")}
	}
	return slices.Concat(
		maybeOneOf(at.Child("type"), p.Type,
			v1.SeccompProfileTypeLocalhost, v1.SeccompProfileTypeRuntimeDefault, v1.SeccompProfileTypeUnconfined),
		localhostProfile(at.Child("localhostProfile"), p.LocalhostProfile, p.Type == v1.SeccompProfileTypeLocalhost, "seccomp type"),
	)
}

// appArmor checks what else a program is kept from.
func appArmor(at path, p *v1.AppArmorProfile) errs {
	if p == nil {
		return nil
	}
	if p.Type == "" {
		return errs{field.Required(at.Child("type"), "type is required when appArmorProfile is set")}
	}
	return slices.Concat(
		maybeOneOf(at.Child("type"), p.Type,
			v1.AppArmorProfileTypeLocalhost, v1.AppArmorProfileTypeRuntimeDefault, v1.AppArmorProfileTypeUnconfined),
		localhostProfile(at.Child("localhostProfile"), p.LocalhostProfile, p.Type == v1.AppArmorProfileTypeLocalhost, "AppArmor type"),
	)
}

// localhostProfile asks for the name of a profile on the node where, and only where, the type says that there is one.
func localhostProfile(at path, name *string, wanted bool, what string) errs {
	switch {
	case wanted && (name == nil || *name == ""):
		return errs{field.Required(at, "must be set when "+what+" is Localhost")}
	case !wanted && name != nil:
		return errs{field.Invalid(at, *name, "can only be set when "+what+" is Localhost")}
	case wanted:
		return pathInside(at, *name)
	}
	return nil
}

// What names of kernel parameters look like, with dots or slashes.
const (
	maxSysctl    = 253
	sysctlFormat = `([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?`
)

// sysctlName is the format, of the whole name.
var sysctlName = regexp.MustCompile("^" + sysctlFormat + "$")

// sysctl checks a kernel parameter. Which of them are safe is the kubelet's to say.
func sysctl(at path, s *v1.Sysctl) errs {
	if s.Name == "" {
		return need(at.Child("name"), "")
	}
	return when(len(s.Name) > maxSysctl || !sysctlName.MatchString(s.Name), field.Invalid(at.Child("name"), s.Name,
		fmt.Sprintf("must have at most %d characters and match regex %s", maxSysctl, sysctlFormat)))
}

package cri

import (
	"fmt"
	"path/filepath"
	"slices"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// maskedPaths are hidden from containers, readonlyPaths may only be read by them. Runtimes do neither unless told: a container on the host's
// network could write the host's /proc/sys.
func maskedPaths() []string {
	return []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
	}
}

func readonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

// ImageUser is whom an image's processes run as if nobody says otherwise: by number, or else by name.
type ImageUser struct {
	UID  *int64
	Name string
}

// sandboxSecurity is the security context of a pod's sandbox, and the pod's sysctls.
func (n *Node) sandboxSecurity(pod *v1.Pod) (*runtimeapi.LinuxSandboxSecurityContext, map[string]string) {
	s := &runtimeapi.LinuxSandboxSecurityContext{
		NamespaceOptions: namespaces(pod), Privileged: privileged(pod),
		Seccomp: &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault},
	}
	sysctls := map[string]string{}
	if p := pod.Spec.SecurityContext; p != nil {
		if p.RunAsUser != nil && pod.Spec.OS == nil {
			s.RunAsUser = &runtimeapi.Int64Value{Value: *p.RunAsUser}
			if p.RunAsGroup != nil {
				s.RunAsGroup = &runtimeapi.Int64Value{Value: *p.RunAsGroup}
			}
		}
		s.SupplementalGroups, s.SelinuxOptions = supplementalGroups(p), selinux(p.SELinuxOptions)
		s.SupplementalGroupsPolicy = groupsPolicy(p)
		for _, ctl := range p.Sysctls {
			sysctls[ctl.Name] = ctl.Value
		}
	}
	return s, sysctls
}

// containerSecurity is the security context of a container, of what the pod and the container say.
func (n *Node) containerSecurity(pod *v1.Pod, c *v1.Container, user ImageUser, target string) (*runtimeapi.LinuxContainerSecurityContext, error) {
	own, pods := c.SecurityContext, pod.Spec.SecurityContext
	if own == nil {
		own = &v1.SecurityContext{}
	}
	if pods == nil {
		pods = &v1.PodSecurityContext{}
	}
	s := &runtimeapi.LinuxContainerSecurityContext{
		NamespaceOptions: namespaces(pod), Privileged: truth(own.Privileged), ReadonlyRootfs: truth(own.ReadOnlyRootFilesystem),
		NoNewPrivs:         own.AllowPrivilegeEscalation != nil && !*own.AllowPrivilegeEscalation,
		SupplementalGroups: supplementalGroups(pods), SupplementalGroupsPolicy: groupsPolicy(pods),
		SelinuxOptions: selinux(first(own.SELinuxOptions, pods.SELinuxOptions)),
	}
	if target != "" {
		s.NamespaceOptions.Pid, s.NamespaceOptions.TargetId = runtimeapi.NamespaceMode_TARGET, target
	}
	if uid := first(own.RunAsUser, pods.RunAsUser); uid != nil {
		user = ImageUser{UID: uid}
	}
	if truth(first(own.RunAsNonRoot, pods.RunAsNonRoot)) {
		if err := notRoot(pod, c, user, first(own.RunAsUser, pods.RunAsUser) != nil); err != nil {
			return nil, err
		}
	}
	if user.UID != nil {
		s.RunAsUser = &runtimeapi.Int64Value{Value: *user.UID}
	} else {
		s.RunAsUsername = user.Name
	}
	if gid := first(own.RunAsGroup, pods.RunAsGroup); gid != nil {
		if user.UID == nil && user.Name == "" {
			s.RunAsUser = &runtimeapi.Int64Value{} // runtimes take a group only with a user; an image that says nothing runs as root
		}
		s.RunAsGroup = &runtimeapi.Int64Value{Value: *gid}
	}
	if caps := own.Capabilities; caps != nil {
		s.Capabilities = &runtimeapi.Capability{}
		for _, c := range caps.Add {
			s.Capabilities.AddCapabilities = append(s.Capabilities.AddCapabilities, string(c))
		}
		for _, c := range caps.Drop {
			s.Capabilities.DropCapabilities = append(s.Capabilities.DropCapabilities, string(c))
		}
	}
	if !s.Privileged && (own.ProcMount == nil || *own.ProcMount != v1.UnmaskedProcMount) {
		s.MaskedPaths, s.ReadonlyPaths = maskedPaths(), readonlyPaths()
	}
	var err error
	if s.Seccomp, err = n.seccomp(first(own.SeccompProfile, pods.SeccompProfile), s.Privileged); err != nil {
		return nil, err
	}
	s.Apparmor, err = apparmor(first(own.AppArmorProfile, pods.AppArmorProfile))
	return s, err
}

// notRoot refuses a container that must not run as root and would, or might.
func notRoot(pod *v1.Pod, c *v1.Container, user ImageUser, chosen bool) error {
	where := fmt.Sprintf("(pod: %q, container: %s)", pod.Name+"_"+pod.Namespace+"("+string(pod.UID)+")", c.Name)
	switch {
	case user.UID != nil && *user.UID != 0:
		return nil
	case user.UID != nil && chosen:
		return fmt.Errorf("container's runAsUser breaks non-root policy %s", where)
	case user.UID != nil || user.Name == "":
		return fmt.Errorf("container has runAsNonRoot and image will run as root %s", where)
	default:
		return fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root %s", user.Name, where)
	}
}

func namespaces(pod *v1.Pod) *runtimeapi.NamespaceOption {
	o := &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_CONTAINER}
	if pod.Spec.HostNetwork {
		o.Network = runtimeapi.NamespaceMode_NODE
	}
	if pod.Spec.HostIPC {
		o.Ipc = runtimeapi.NamespaceMode_NODE
	}
	switch {
	case pod.Spec.HostPID:
		o.Pid = runtimeapi.NamespaceMode_NODE
	case truth(pod.Spec.ShareProcessNamespace):
		o.Pid = runtimeapi.NamespaceMode_POD
	}
	return o
}

func privileged(pod *v1.Pod) bool {
	is := func(c v1.Container) bool { return c.SecurityContext != nil && truth(c.SecurityContext.Privileged) }
	return slices.ContainsFunc(pod.Spec.InitContainers, is) || slices.ContainsFunc(pod.Spec.Containers, is)
}

// supplementalGroups includes the group that owns the pod's volumes.
func supplementalGroups(p *v1.PodSecurityContext) []int64 {
	groups := slices.Clone(p.SupplementalGroups)
	if p.FSGroup != nil {
		groups = append(groups, *p.FSGroup)
	}
	return groups
}

func groupsPolicy(p *v1.PodSecurityContext) runtimeapi.SupplementalGroupsPolicy {
	if p.SupplementalGroupsPolicy != nil && *p.SupplementalGroupsPolicy == v1.SupplementalGroupsPolicyStrict {
		return runtimeapi.SupplementalGroupsPolicy_Strict
	}
	return runtimeapi.SupplementalGroupsPolicy_Merge
}

func selinux(o *v1.SELinuxOptions) *runtimeapi.SELinuxOption {
	if o == nil {
		return nil
	}
	return &runtimeapi.SELinuxOption{User: o.User, Role: o.Role, Type: o.Type, Level: o.Level}
}

func (n *Node) seccomp(p *v1.SeccompProfile, privileged bool) (*runtimeapi.SecurityProfile, error) {
	profile := &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}
	switch {
	case privileged:
	case p == nil:
		if n.SeccompDefault {
			profile.ProfileType = runtimeapi.SecurityProfile_RuntimeDefault
		}
	case p.Type == v1.SeccompProfileTypeRuntimeDefault:
		profile.ProfileType = runtimeapi.SecurityProfile_RuntimeDefault
	case p.Type == v1.SeccompProfileTypeLocalhost:
		if p.LocalhostProfile == nil || !filepath.IsLocal(*p.LocalhostProfile) {
			return nil, fmt.Errorf("localhostProfile must be set to a path below %s if seccompProfile type is Localhost", n.SeccompRoot)
		}
		profile.ProfileType, profile.LocalhostRef = runtimeapi.SecurityProfile_Localhost, filepath.Join(n.SeccompRoot, *p.LocalhostProfile)
	}
	return profile, nil
}

func apparmor(p *v1.AppArmorProfile) (*runtimeapi.SecurityProfile, error) {
	if p == nil {
		return nil, nil
	}
	switch p.Type {
	case v1.AppArmorProfileTypeRuntimeDefault:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}, nil
	case v1.AppArmorProfileTypeUnconfined:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}, nil
	}
	if p.LocalhostProfile == nil {
		return nil, fmt.Errorf("localhostProfile must be set if appArmorProfile type is Localhost")
	}
	return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: *p.LocalhostProfile}, nil
}

// first is the container's setting, or else the pod's.
func first[T any](own, pods *T) *T {
	if own != nil {
		return own
	}
	return pods
}

func truth(b *bool) bool { return b != nil && *b }

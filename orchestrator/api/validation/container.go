package validation

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// containers checks all containers of a pod: those that run, those that run before, and those that joined to look.
func containers(at path, s *v1.PodSpec, in place) errs {
	all := each(at.Child("initContainers"), s.InitContainers, func(at path, c *v1.Container) errs {
		return slices.Concat(container(at, c, s, in), initContainer(at, c))
	})
	if len(s.Containers) == 0 {
		all = append(all, field.Required(at.Child("containers"), ""))
	}
	all = append(all, each(at.Child("containers"), s.Containers, func(at path, c *v1.Container) errs {
		return slices.Concat(container(at, c, s, in), hooks(at, c, s))
	})...)
	all = append(all, each(at.Child("ephemeralContainers"), s.EphemeralContainers, func(at path, e *v1.EphemeralContainer) errs {
		return ephemeralContainer(at, e, s)
	})...)
	return append(all, containerNames(at, s)...)
}

// containerNames asks that no two containers of a pod, of whatever sort, have one name.
func containerNames(at path, s *v1.PodSpec) errs {
	seen := map[string]bool{}
	once := func(at path, name string) errs {
		twice := name != "" && seen[name]
		seen[name] = true
		return when(twice, field.Duplicate(at.Child("name"), name))
	}
	return slices.Concat(
		each(at.Child("containers"), s.Containers, func(at path, c *v1.Container) errs { return once(at, c.Name) }),
		each(at.Child("initContainers"), s.InitContainers, func(at path, c *v1.Container) errs { return once(at, c.Name) }),
		each(at.Child("ephemeralContainers"), s.EphemeralContainers, func(at path, c *v1.EphemeralContainer) errs {
			return once(at, c.Name)
		}),
	)
}

// container checks what holds of containers of all sorts.
func container(at path, c *v1.Container, s *v1.PodSpec, in place) errs {
	return slices.Concat(
		needValid(at.Child("name"), c.Name, label),
		image(at.Child("image"), c.Image, in),
		oneOf(at.Child("terminationMessagePolicy"), c.TerminationMessagePolicy,
			v1.TerminationMessageReadFile, v1.TerminationMessageFallbackToLogsOnError),
		oneOf(at.Child("imagePullPolicy"), c.ImagePullPolicy, v1.PullAlways, v1.PullIfNotPresent, v1.PullNever),
		oneOfPtr(at.Child("restartPolicy"), c.RestartPolicy,
			v1.ContainerRestartPolicyAlways, v1.ContainerRestartPolicyOnFailure, v1.ContainerRestartPolicyNever),
		containerPorts(at.Child("ports"), c.Ports),
		each(at.Child("env"), c.Env, envVar),
		each(at.Child("envFrom"), c.EnvFrom, envFrom),
		volumeMounts(at, c, s),
		containerResources(at.Child("resources"), &c.Resources, s),
		containerSecurity(at.Child("securityContext"), c.SecurityContext),
		each(at.Child("resizePolicy"), c.ResizePolicy, resizePolicy),
	)
}

// image asks for one. Spaces around it are let through in templates, where they have been stored before anybody looked.
func image(at path, image string, in place) errs {
	if image == "" {
		return errs{field.Required(at, "")}
	}
	spaces := strings.TrimSpace(image) != image
	return when(in == inPod && spaces, field.Invalid(at, image, "must not have leading or trailing whitespace"))
}

// hooks checks what the kubelet does to a container while it runs.
func hooks(at path, c *v1.Container, s *v1.PodSpec) errs {
	return slices.Concat(
		lifecycle(at.Child("lifecycle"), c.Lifecycle, s.TerminationGracePeriodSeconds),
		probes(at, c),
	)
}

// initContainer refuses what makes no sense in a container that is over before the pod starts. One that is restarted is a sidecar.
func initContainer(at path, c *v1.Container) errs {
	if c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
		return slices.Concat(lifecycle(at.Child("lifecycle"), c.Lifecycle, nil), probes(at, c))
	}
	const why = "may not be set for init containers without restartPolicy=Always"
	return slices.Concat(
		when(c.Lifecycle != nil, field.Forbidden(at.Child("lifecycle"), why)),
		when(c.LivenessProbe != nil, field.Forbidden(at.Child("livenessProbe"), why)),
		when(c.ReadinessProbe != nil, field.Forbidden(at.Child("readinessProbe"), why)),
		when(c.StartupProbe != nil, field.Forbidden(at.Child("startupProbe"), why)),
	)
}

// ephemeralContainer checks a container that was put into a running pod, as kubectl debug does.
func ephemeralContainer(at path, e *v1.EphemeralContainer, s *v1.PodSpec) errs {
	c := (*v1.Container)(&e.EphemeralContainerCommon)
	isTarget := func(c v1.Container) bool { return c.Name == e.TargetContainerName }
	known := e.TargetContainerName == "" || slices.ContainsFunc(slices.Concat(s.Containers, s.InitContainers), isTarget)
	const why = "cannot be set for an Ephemeral Container"
	forbid := func(set bool, name string) errs { return when(set, field.Forbidden(at.Child(name), why)) }
	return slices.Concat(
		container(at, c, s, inPod),
		when(!known, field.NotFound(at.Child("targetContainerName"), e.TargetContainerName)),
		forbid(len(c.Ports) > 0, "ports"),
		forbid(c.LivenessProbe != nil, "livenessProbe"),
		forbid(c.ReadinessProbe != nil, "readinessProbe"),
		forbid(c.StartupProbe != nil, "startupProbe"),
		forbid(c.Lifecycle != nil, "lifecycle"),
		forbid(len(c.Resources.Requests)+len(c.Resources.Limits)+len(c.Resources.Claims) > 0, "resources"),
		forbid(len(c.ResizePolicy) > 0, "resizePolicy"),
		forbid(c.RestartPolicy != nil, "restartPolicy"),
		each(at.Child("volumeMounts"), c.VolumeMounts, func(at path, m *v1.VolumeMount) errs {
			return slices.Concat(
				when(m.SubPath != "", field.Forbidden(at.Child("subPath"), why)),
				when(m.SubPathExpr != "", field.Forbidden(at.Child("subPathExpr"), why)),
			)
		}),
	)
}

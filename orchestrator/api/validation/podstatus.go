package validation

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// updatePodStatus refuses a kubelet that brings a container back which ended for good, or that reports addresses that are none.
func updatePodStatus(pod, old *v1.Pod) errs {
	at := field.NewPath("status")
	now, was := &pod.Status, &old.Status
	return slices.Concat(
		mirrorKept(pod, old),
		when(pod.Spec.NodeName != old.Spec.NodeName, field.Forbidden(at.Child("nodeName"), "may not be changed directly")),
		mayValid(at.Child("nominatedNodeName"), now.NominatedNodeName, subdomain),
		staysEnded(at.Child("containerStatuses"), now.ContainerStatuses, was.ContainerStatuses, &pod.Spec),
		each(at.Child("podIPs"), now.PodIPs, func(at path, a *v1.PodIP) errs { return ip(at, a.IP) }),
		each(at.Child("hostIPs"), now.HostIPs, func(at path, a *v1.HostIP) errs { return ip(at, a.IP) }),
		when(len(now.PodIPs) > 2, field.Invalid(at.Child("podIPs"), now.PodIPs, "may specify no more than one IP for each IP family")),
	)
}

// staysEnded refuses that a container ran, ended, and is not said to have ended any more, where nothing restarts it.
func staysEnded(at path, now, was []v1.ContainerStatus, s *v1.PodSpec) errs {
	policy := s.RestartPolicy
	if policy == v1.RestartPolicyAlways {
		return nil
	}
	ended := map[string]*v1.ContainerStateTerminated{}
	for i := range was {
		ended[was[i].Name] = was[i].State.Terminated
	}
	own := map[string]bool{}
	for i := range s.Containers {
		c := &s.Containers[i]
		own[c.Name] = c.RestartPolicy != nil || len(c.RestartPolicyRules) > 0
	}
	return each(at, now, func(at path, s *v1.ContainerStatus) errs {
		t := ended[s.Name]
		if t == nil || s.State.Terminated != nil || own[s.Name] || policy == v1.RestartPolicyOnFailure && t.ExitCode != 0 {
			return nil
		}
		return errs{field.Forbidden(at.Child("state"), "may not be transitioned to non-terminated state")}
	})
}

package defaults

import (
	v1 "k8s.io/api/core/v1"
)

// pod does what podSpec does, and more that a template leaves open until there is a pod.
func pod(p *v1.Pod) {
	s := &p.Spec
	requestLimits(s.Containers)
	requestLimits(s.InitContainers)
	podResources(p)
	point(&s.EnableServiceLinks, v1.DefaultEnableServiceLinks)
	if s.HostNetwork {
		hostPorts(s.Containers)
		hostPorts(s.InitContainers)
	}
	podSpec(s)
	podStatus(&p.Status)
}

// podTemplate is like a workload's template.
func podTemplate(t *v1.PodTemplate) { podSpec(&t.Template.Spec) }

// podSpec defaults the pods of a workload, and what a pod of its own has in common with them.
func podSpec(s *v1.PodSpec) {
	set(&s.DNSPolicy, v1.DNSClusterFirst)
	set(&s.RestartPolicy, v1.RestartPolicyAlways)
	set(&s.SchedulerName, v1.DefaultSchedulerName)
	point(&s.SecurityContext, v1.PodSecurityContext{})
	point(&s.TerminationGracePeriodSeconds, v1.DefaultTerminationGracePeriodSeconds)
	mirrorServiceAccount(s)
	for i := range s.Volumes {
		volume(&s.Volumes[i])
	}
	for i := range s.InitContainers {
		container(&s.InitContainers[i])
	}
	for i := range s.Containers {
		container(&s.Containers[i])
	}
	for i := range s.EphemeralContainers {
		c := v1.Container(s.EphemeralContainers[i].EphemeralContainerCommon)
		container(&c)
		s.EphemeralContainers[i].EphemeralContainerCommon = v1.EphemeralContainerCommon(c)
	}
	round(s.Overhead)
	requirements(s.Resources)
}

// hostPorts opens ports on the host where the host's network is the container's.
func hostPorts(containers []v1.Container) {
	for i := range containers {
		for j := range containers[i].Ports {
			port := &containers[i].Ports[j]
			set(&port.HostPort, port.ContainerPort)
		}
	}
}

// podStatus sees to what kubelets report.
func podStatus(s *v1.PodStatus) {
	mirrorPodIPs(s)
	for _, statuses := range [][]v1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range statuses {
			round(statuses[i].AllocatedResources)
			requirements(statuses[i].Resources)
		}
	}
	round(s.AllocatedResources)
	requirements(s.Resources)
}

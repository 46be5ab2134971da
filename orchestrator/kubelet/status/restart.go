package status

import (
	"slices"

	v1 "k8s.io/api/core/v1"
)

// Sidecar says whether an init container runs beside the app containers.
func Sidecar(c *v1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
}

// Restarts says whether a container that ended with an exit code runs again: by its own rules, its own policy, or its pod's.
func Restarts(pod *v1.Pod, c *v1.Container, exitCode int32) bool {
	for _, rule := range c.RestartPolicyRules {
		if codes := rule.ExitCodes; codes != nil && rule.Action == v1.ContainerRestartRuleActionRestart &&
			slices.Contains(codes.Values, exitCode) == (codes.Operator == v1.ContainerRestartRuleOnExitCodesOpIn) {
			return true
		}
	}
	policy := v1.ContainerRestartPolicy(pod.Spec.RestartPolicy)
	if c.RestartPolicy != nil {
		policy = *c.RestartPolicy
	}
	switch policy {
	case v1.ContainerRestartPolicyNever:
		return false
	case v1.ContainerRestartPolicyOnFailure:
		return exitCode != 0
	}
	return true
}

// RestartsInit says whether an init container that ended runs again: after success only a sidecar does.
func RestartsInit(pod *v1.Pod, c *v1.Container, exitCode int32) bool {
	return Sidecar(c) || (exitCode != 0 && Restarts(pod, c, exitCode))
}

// gaveUp says whether an init container failed for good.
func gaveUp(pod *v1.Pod, c *v1.Container, s *v1.ContainerStatus) bool {
	t := s.State.Terminated
	return t != nil && t.ExitCode != 0 && !RestartsInit(pod, c, t.ExitCode)
}

// initDone says whether an init container lets the next one begin.
func initDone(c *v1.Container, s *v1.ContainerStatus) bool {
	if Sidecar(c) {
		return s.Started != nil && *s.Started
	}
	return s.State.Terminated != nil && s.State.Terminated.ExitCode == 0
}

package job

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// judge is what the first rule that a failed pod matches says about it, and why. Without any, it counts.
func judge(policy *batchv1.PodFailurePolicy, p *corev1.Pod) (batchv1.PodFailurePolicyAction, string) {
	if policy == nil || p.Status.Phase != corev1.PodFailed {
		return batchv1.PodFailurePolicyActionCount, ""
	}
	for i := range policy.Rules {
		rule := &policy.Rules[i]
		if rule.OnExitCodes != nil {
			if c := failedContainer(rule.OnExitCodes, p); c != nil {
				return rule.Action, fmt.Sprintf("Container %s for pod %s/%s failed with exit code %v matching %v rule at index %d",
					c.Name, p.Namespace, p.Name, c.State.Terminated.ExitCode, rule.Action, i)
			}
			continue
		}
		for _, pattern := range rule.OnPodConditions {
			want := pattern.Status
			if want == "" {
				want = corev1.ConditionTrue
			}
			if c := controller.Condition(p, pattern.Type); c != nil && c.Status == want {
				return rule.Action, fmt.Sprintf("Pod %s/%s has condition %v matching %v rule at index %d", p.Namespace, p.Name, c.Type, rule.Action, i)
			}
		}
	}
	return batchv1.PodFailurePolicyActionCount, ""
}

// failedContainer returns a container that ended with one of the exit codes that a rule asks for. Success is never asked for.
func failedContainer(rule *batchv1.PodFailurePolicyOnExitCodesRequirement, p *corev1.Pod) *corev1.ContainerStatus {
	for _, statuses := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		for i := range statuses {
			c := &statuses[i]
			if c.State.Terminated == nil || c.State.Terminated.ExitCode == 0 || (rule.ContainerName != nil && *rule.ContainerName != c.Name) {
				continue
			}
			listed := slices.Contains(rule.Values, c.State.Terminated.ExitCode)
			if (rule.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) == listed {
				return c
			}
		}
	}
	return nil
}

package validation

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// maxIndexed keeps the list of completed indexes small enough to store.
const maxIndexed = 100000

// These labels are of a time when Kubernetes' own had no prefix. Pods of jobs still have them.
const (
	legacyControllerUID = "controller-uid"
	legacyJobName       = "job-name"
)

// validJob checks a job, its selector, and that its pods are found by it. The registry makes the selector if nobody did.
func validJob(j *batchv1.Job) errs {
	s := &j.Spec
	all := jobSpec(specPath, s)
	if s.Selector == nil {
		return append(all, field.Required(specPath.Child("selector"), ""))
	}
	return slices.Concat(all,
		selector(specPath.Child("selector"), s.Selector),
		matches(specPath.Child("template", "metadata", "labels"), s.Selector, &s.Template),
	)
}

// newJob checks what is settled when a job comes into being: whose its pods are, and what they are called.
func newJob(j *batchv1.Job) errs {
	return append(generatedSelector(j), indexedNames(j)...)
}

// generatedSelector asks for the labels and the selector that the registry makes, which no two jobs share, unless the user says that
// the selector is made by hand. What the user adds to it shows that something else was meant.
func generatedSelector(j *batchv1.Job) errs {
	if ptr.Deref(j.Spec.ManualSelector, false) || j.Spec.Selector == nil { // that there is none is reported elsewhere
		return nil
	}
	uid := string(j.UID)
	all := need(metaPath.Child("uid"), uid)
	at := specPath.Child("template", "metadata", "labels")
	generated := labels.Set{legacyControllerUID: uid, legacyJobName: j.Name, batchv1.ControllerUidLabel: uid, batchv1.JobNameLabel: j.Name}
	for _, key := range []string{legacyControllerUID, legacyJobName, batchv1.ControllerUidLabel, batchv1.JobNameLabel} {
		must := fmt.Sprintf("must be '%s'", generated[key])
		switch have, ok := j.Spec.Template.Labels[key]; {
		case !ok:
			all = append(all, field.Required(at.Key(key), must))
		case have != generated[key]:
			all = append(all, field.Invalid(at.Key(key), j.Spec.Template.Labels, must))
		}
	}
	if s, err := metav1.LabelSelectorAsSelector(j.Spec.Selector); err == nil && !s.Matches(generated) {
		all = append(all, field.Invalid(specPath.Child("selector"), j.Spec.Selector, "`selector` not auto-generated"))
	}
	return all
}

// indexedNames checks that the names of an indexed job's pods, which end in a dash and the index, are still names.
func indexedNames(j *batchv1.Job) errs {
	if !indexed(&j.Spec) || j.Spec.Completions == nil || *j.Spec.Completions <= 0 {
		return nil
	}
	last := fmt.Sprintf("%s-%d", j.Name, *j.Spec.Completions-1)
	var all errs
	for _, m := range label(last) {
		all = append(all, field.Invalid(metaPath.Child("name"), j.Name, "will not able to create pod with invalid DNS label: "+m))
	}
	return all
}

// indexed tells that each completion has a number.
func indexed(s *batchv1.JobSpec) bool {
	return s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion
}

// jobSpec checks all of a job but its selector, which a cron job's jobs have not got yet.
func jobSpec(at path, s *batchv1.JobSpec) errs {
	managedBy := ""
	if s.ManagedBy != nil {
		managedBy = *s.ManagedBy
	}
	return slices.Concat(
		notNegativePtr(at.Child("parallelism"), s.Parallelism),
		notNegativePtr(at.Child("completions"), s.Completions),
		notNegativePtr(at.Child("activeDeadlineSeconds"), s.ActiveDeadlineSeconds),
		notNegativePtr(at.Child("backoffLimit"), s.BackoffLimit),
		notNegativePtr(at.Child("ttlSecondsAfterFinished"), s.TTLSecondsAfterFinished),
		notNegativePtr(at.Child("backoffLimitPerIndex"), s.BackoffLimitPerIndex),
		notNegativePtr(at.Child("maxFailedIndexes"), s.MaxFailedIndexes),
		oneOfPtr(at.Child("completionMode"), s.CompletionMode, batchv1.NonIndexedCompletion, batchv1.IndexedCompletion),
		indexedJob(at, s),
		failurePolicy(at, s),
		oneOfPtr(at.Child("podReplacementPolicy"), s.PodReplacementPolicy, batchv1.Failed, batchv1.TerminatingOrFailed),
		domainPath(at.Child("managedBy"), managedBy),
		podTemplate(at.Child("template"), &s.Template),
		jobRestartPolicy(at.Child("template", "spec", "restartPolicy"), s),
	)
}

// indexedJob checks what depends on whether completions have numbers.
func indexedJob(at path, s *batchv1.JobSpec) errs {
	if !indexed(s) {
		const why = "requires indexed completion mode"
		return slices.Concat(
			when(s.BackoffLimitPerIndex != nil, field.Invalid(at.Child("backoffLimitPerIndex"), s.BackoffLimitPerIndex, why)),
			when(s.MaxFailedIndexes != nil, field.Invalid(at.Child("maxFailedIndexes"), s.MaxFailedIndexes, why)),
		)
	}
	why := fmt.Sprintf("must be less than or equal to %d when completion mode is %s", maxIndexed, batchv1.IndexedCompletion)
	return slices.Concat(
		when(s.Completions == nil, field.Required(at.Child("completions"), "when completion mode is Indexed")),
		when(s.Completions != nil && s.MaxFailedIndexes != nil && *s.MaxFailedIndexes > *s.Completions,
			field.Invalid(at.Child("maxFailedIndexes"), s.MaxFailedIndexes, "must be less than or equal to completions")),
		when(s.Parallelism != nil && *s.Parallelism > maxIndexed, field.Invalid(at.Child("parallelism"), s.Parallelism, why)),
		when(s.MaxFailedIndexes != nil && s.BackoffLimitPerIndex == nil,
			field.Required(at.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified")),
	)
}

// jobRestartPolicy refuses pods that never end.
func jobRestartPolicy(at path, s *batchv1.JobSpec) errs {
	policy := s.Template.Spec.RestartPolicy
	all := when(policy == v1.RestartPolicyAlways,
		field.NotSupported(at, policy, []v1.RestartPolicy{v1.RestartPolicyOnFailure, v1.RestartPolicyNever}))
	return append(all, when(s.PodFailurePolicy != nil && policy != v1.RestartPolicyNever,
		field.Invalid(at, policy, `only "Never" is supported when podFailurePolicy is specified`))...)
}

// failurePolicy checks what is done about pods that fail, for which the job controller must be the one to see them.
func failurePolicy(at path, s *batchv1.JobSpec) errs {
	if s.PodFailurePolicy == nil {
		return nil
	}
	all := oneOfPtr(at.Child("podReplacementPolicy"), s.PodReplacementPolicy, batchv1.Failed)
	return append(all, each(at.Child("podFailurePolicy", "rules"), s.PodFailurePolicy.Rules, failureRule)...)
}

// failureRule asks for one sign of failure, the exit codes or the pod's conditions, and for what is done about it.
func failureRule(at path, r *batchv1.PodFailurePolicyRule) errs {
	all := oneOf(at.Child("action"), r.Action, batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionFailIndex,
		batchv1.PodFailurePolicyActionIgnore, batchv1.PodFailurePolicyActionCount)
	switch codes, conditions := r.OnExitCodes != nil, len(r.OnPodConditions) > 0; {
	case codes && conditions:
		all = append(all, field.Invalid(at, field.OmitValueType{}, "specifying both OnExitCodes and OnPodConditions is not supported"))
	case !codes && !conditions:
		all = append(all, field.Invalid(at, field.OmitValueType{}, "specifying one of OnExitCodes and OnPodConditions is required"))
	}
	if codes := r.OnExitCodes; codes != nil {
		at := at.Child("onExitCodes")
		all = slices.Concat(all,
			oneOf(at.Child("operator"), codes.Operator,
				batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn),
			when(len(codes.Values) == 0, field.Invalid(at.Child("values"), codes.Values, "at least one value is required")),
		)
	}
	return all
}

// updateJob keeps what the counts in the status were counted for.
func updateJob(j, old *batchv1.Job) errs {
	now, was := &j.Spec, &old.Spec
	all := slices.Concat(
		completionsKept(now, was),
		unchanged(specPath.Child("selector"), now.Selector, was.Selector),
		unchanged(specPath.Child("completionMode"), now.CompletionMode, was.CompletionMode),
		unchanged(specPath.Child("podFailurePolicy"), now.PodFailurePolicy, was.PodFailurePolicy),
		unchanged(specPath.Child("backoffLimitPerIndex"), now.BackoffLimitPerIndex, was.BackoffLimitPerIndex),
		unchanged(specPath.Child("managedBy"), now.ManagedBy, was.ManagedBy),
		unchanged(specPath.Child("successPolicy"), now.SuccessPolicy, was.SuccessPolicy),
	)
	template := now.Template.DeepCopy()
	if was.Suspend != nil && *was.Suspend && old.Status.StartTime == nil {
		placement(template, &was.Template)
	}
	return append(all, unchanged(specPath.Child("template"), *template, was.Template)...)
}

// placement puts back what a queue of jobs may still decide of one that has not started: where its pods run.
func placement(t, was *v1.PodTemplateSpec) {
	t.Labels, t.Annotations = was.Labels, was.Annotations
	t.Spec.NodeSelector, t.Spec.Tolerations = was.Spec.NodeSelector, was.Spec.Tolerations
	t.Spec.SchedulingGates = was.Spec.SchedulingGates
	restoreNodeAffinity(&t.Spec, &was.Spec)
}

// completionsKept lets an indexed job grow or shrink if its parallelism goes with it.
func completionsKept(now, was *batchv1.JobSpec) errs {
	at := specPath.Child("completions")
	if equality.Semantic.DeepEqual(now.Completions, was.Completions) {
		return nil
	}
	if !indexed(now) || was.Completions == nil || now.Completions == nil {
		return unchanged(at, now.Completions, was.Completions)
	}
	together := now.Parallelism != nil && *now.Parallelism == *now.Completions
	return when(!together, field.Invalid(at, now.Completions, "can only be modified in tandem with spec.parallelism"))
}

// updateJobStatus checks the counts.
func updateJobStatus(j, _ *batchv1.Job) errs {
	s := &j.Status
	return slices.Concat(
		notNegative(statusPath.Child("active"), s.Active),
		notNegative(statusPath.Child("succeeded"), s.Succeeded),
		notNegative(statusPath.Child("failed"), s.Failed),
		notNegativePtr(statusPath.Child("ready"), s.Ready),
		notNegativePtr(statusPath.Child("terminating"), s.Terminating),
		when(s.Ready != nil && s.Active < *s.Ready,
			field.Invalid(statusPath.Child("ready"), s.Ready, "cannot set more ready pods than active")),
	)
}

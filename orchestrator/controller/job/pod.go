package job

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// The labels of a Job's pods from before they had a prefix; selectors of old Jobs and users' scripts know them.
const (
	oldNameLabel = "job-name"
	oldUIDLabel  = "controller-uid"
)

// podOf is a pod of a Job. It is held until it was counted.
func podOf(job *batchv1.Job) *corev1.Pod {
	p := controller.PodOf(job, kind, &job.Spec.Template)
	if !slices.Contains(p.Finalizers, batchv1.JobTrackingFinalizer) {
		p.Finalizers = append(slices.Clone(p.Finalizers), batchv1.JobTrackingFinalizer)
	}
	p.Labels = maps.Clone(p.Labels)
	if p.Labels == nil {
		p.Labels = map[string]string{}
	}
	if manual := job.Spec.ManualSelector; manual == nil || !*manual {
		p.Labels[batchv1.ControllerUidLabel], p.Labels[oldUIDLabel] = string(job.UID), string(job.UID)
		p.Labels[batchv1.JobNameLabel], p.Labels[oldNameLabel] = job.Name, job.Name
	}
	return p
}

// indexedPod is the pod for one index, which its containers find in their environment and others in its host name.
func indexedPod(job *batchv1.Job, index int) *corev1.Pod {
	p := podOf(job)
	text := strconv.Itoa(index)
	p.Labels[batchv1.JobCompletionIndexAnnotation] = text
	p.Annotations = maps.Clone(p.Annotations)
	if p.Annotations == nil {
		p.Annotations = map[string]string{}
	}
	p.Annotations[batchv1.JobCompletionIndexAnnotation] = text
	p.Spec.Hostname = job.Name + "-" + text
	p.GenerateName = p.Spec.Hostname + "-"
	for _, containers := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == indexVariable }) {
				c.Env = append(c.Env, corev1.EnvVar{Name: indexVariable, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{
					FieldPath: fmt.Sprintf("metadata.labels['%s']", batchv1.JobCompletionIndexAnnotation),
				}}})
			}
		}
	}
	return p
}

// indexVariable is where a container reads its index.
const indexVariable = "JOB_COMPLETION_INDEX"

package validation

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Warnings tells a user what is allowed in an object, but hardly meant.
func Warnings(obj runtime.Object) []string {
	return rulesOf(obj).warnings(obj)
}

// podWarnings are those about a pod.
func podWarnings(p *v1.Pod) []string {
	return podSpecWarnings(metaPath, p.Annotations, specPath, &p.Spec)
}

// podTemplateWarnings, and those below, are about the pods that a template makes.
func podTemplateWarnings(t *v1.PodTemplate) []string {
	return templateWarnings(field.NewPath("template"), &t.Template)
}

// replicationControllerWarnings are about its pods, if it says which.
func replicationControllerWarnings(rc *v1.ReplicationController) []string {
	if rc.Spec.Template == nil {
		return nil
	}
	return templateWarnings(specPath.Child("template"), rc.Spec.Template)
}

// replicaSetWarnings are about its pods.
func replicaSetWarnings(rs *appsv1.ReplicaSet) []string {
	return templateWarnings(specPath.Child("template"), &rs.Spec.Template)
}

// deploymentWarnings are about its pods.
func deploymentWarnings(d *appsv1.Deployment) []string {
	return templateWarnings(specPath.Child("template"), &d.Spec.Template)
}

// daemonSetWarnings are about its pods.
func daemonSetWarnings(ds *appsv1.DaemonSet) []string {
	return templateWarnings(specPath.Child("template"), &ds.Spec.Template)
}

// statefulSetWarnings are about its pods.
func statefulSetWarnings(ss *appsv1.StatefulSet) []string {
	return templateWarnings(specPath.Child("template"), &ss.Spec.Template)
}

// jobWarnings are about its pods.
func jobWarnings(j *batchv1.Job) []string {
	return templateWarnings(specPath.Child("template"), &j.Spec.Template)
}

// cronJobWarnings are about the pods of its jobs.
func cronJobWarnings(c *batchv1.CronJob) []string {
	return templateWarnings(specPath.Child("jobTemplate", "spec", "template"), &c.Spec.JobTemplate.Spec.Template)
}

// templateWarnings are those about a template, which is at the given path.
func templateWarnings(at path, t *v1.PodTemplateSpec) []string {
	return podSpecWarnings(at.Child("metadata"), t.Annotations, at.Child("spec"), &t.Spec)
}

// podSpecWarnings finds names that are given twice, of which one is lost, and what was given up.
func podSpecWarnings(meta path, annotations map[string]string, at path, s *v1.PodSpec) []string {
	var all []string
	warn := func(at path, format string, args ...any) {
		all = append(all, at.String()+": "+fmt.Sprintf(format, args...))
	}
	if _, ok := annotations["scheduler.alpha.kubernetes.io/critical-pod"]; ok {
		warn(meta.Child("annotations").Key("scheduler.alpha.kubernetes.io/critical-pod"),
			`non-functional in v1.16+; use the "priorityClassName" field instead`)
	}
	for i, r := range s.ImagePullSecrets {
		if r.Name == "" {
			warn(at.Child("imagePullSecrets").Index(i).Child("name"), `invalid empty name ""`)
		}
	}
	for i, v := range s.Volumes {
		if v.GitRepo != nil {
			warn(at.Child("volumes").Index(i).Child("gitRepo"), "deprecated in v1.11, and disabled by default in v1.33+")
		}
	}
	if s.TerminationGracePeriodSeconds != nil && *s.TerminationGracePeriodSeconds < 0 {
		warn(at.Child("terminationGracePeriodSeconds"), "must be >= 0; negative values are invalid and will be treated as 1")
	}
	for i := range s.InitContainers {
		containerWarnings(at.Child("initContainers").Index(i), &s.InitContainers[i], warn)
	}
	for i := range s.Containers {
		containerWarnings(at.Child("containers").Index(i), &s.Containers[i], warn)
	}
	return all
}

// containerWarnings finds variables and ports that a container has twice.
func containerWarnings(at path, c *v1.Container, warn func(at path, format string, args ...any)) {
	names := map[string]bool{}
	for i, e := range c.Env {
		if names[e.Name] {
			warn(at.Child("env").Index(i), "hides previous definition of %q, which may be dropped when using apply", e.Name)
		}
		names[e.Name] = true
	}
	type socket struct {
		port, hostPort int32
		protocol       v1.Protocol
		hostIP         string
	}
	first := map[socket]path{}
	for i, p := range c.Ports {
		at := at.Child("ports").Index(i)
		s := socket{p.ContainerPort, p.HostPort, p.Protocol, p.HostIP}
		if before, twice := first[s]; twice {
			warn(at, "duplicate port definition with %s", before)
		} else {
			first[s] = at
		}
	}
}

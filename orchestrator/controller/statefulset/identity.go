package statefulset

import (
	"regexp"
	"strconv"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

// podName takes a pod's name apart.
var podName = regexp.MustCompile(`^(.*)-([0-9]+)$`)

// ordinalOf is the number of a set's pod; -1 if by its name it is none.
func ordinalOf(set *apps.StatefulSet, pod *v1.Pod) int {
	parts := podName.FindStringSubmatch(pod.Name)
	if parts == nil || parts[1] != set.Name {
		return -1
	}
	n, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil {
		return -1
	}
	return int(n)
}

// wanted is how many pods a set shall have.
func wanted(set *apps.StatefulSet) int { return int(controller.Replicas(set.Spec.Replicas)) }

// start is the ordinal of a set's first pod.
func start(set *apps.StatefulSet) int {
	if set.Spec.Ordinals == nil {
		return 0
	}
	return int(set.Spec.Ordinals.Start)
}

// revisionOf names the revision that a pod was made of.
func revisionOf(pod *v1.Pod) string { return pod.Labels[apps.StatefulSetRevisionLabel] }

// newPod is the pod of an ordinal, of a revision's template.
func newPod(set *apps.StatefulSet, template *v1.PodTemplateSpec, revision string, ordinal int) *v1.Pod {
	pod := controller.PodOf(set, kind, template)
	pod.Name, pod.GenerateName = set.Name+"-"+strconv.Itoa(ordinal), ""
	identify(pod, ordinal)
	metav1.SetMetaDataLabel(&pod.ObjectMeta, apps.StatefulSetRevisionLabel, revision)
	pod.Spec.Hostname, pod.Spec.Subdomain = pod.Name, set.Spec.ServiceName
	for i := range set.Spec.VolumeClaimTemplates {
		mount(pod, set.Spec.VolumeClaimTemplates[i].Name, claimName(set, &set.Spec.VolumeClaimTemplates[i], ordinal))
	}
	return pod
}

// identify gives a pod the labels of its identity and tells whether it had others.
func identify(pod *v1.Pod, ordinal int) (changed bool) {
	for label, value := range map[string]string{apps.StatefulSetPodNameLabel: pod.Name, apps.PodIndexLabel: strconv.Itoa(ordinal)} {
		if pod.Labels[label] != value {
			metav1.SetMetaDataLabel(&pod.ObjectMeta, label, value)
			changed = true
		}
	}
	return changed
}

// mount makes a volume that of a claim, in the place of one of the same name.
func mount(pod *v1.Pod, volume, claim string) {
	source := v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == volume {
			pod.Spec.Volumes[i].VolumeSource = source
			return
		}
	}
	pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: volume, VolumeSource: source})
}

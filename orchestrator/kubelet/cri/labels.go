package cri

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubelet/pkg/types"
)

// Annotations that the kubelet leaves on containers, for itself after a restart. The names are upstream's.
const (
	annotationHash              = "io.kubernetes.container.hash"
	annotationRestartCount      = "io.kubernetes.container.restartCount"
	annotationTerminationPath   = "io.kubernetes.container.terminationMessagePath"
	annotationTerminationPolicy = "io.kubernetes.container.terminationMessagePolicy"
	annotationPodGrace          = "io.kubernetes.pod.terminationGracePeriod"
	annotationPreStop           = "io.kubernetes.container.preStopHandler"
)

// Hash tells whether a container's spec asks for another container than the one that runs. Only what can change in place counts.
func Hash(c *v1.Container) string {
	text, _ := json.Marshal(map[string]string{"name": c.Name, "image": c.Image}) // strings always encode
	h := fnv.New32a()
	h.Write(text)
	return strconv.FormatUint(uint64(h.Sum32()), 16)
}

func sandboxLabels(pod *v1.Pod) map[string]string {
	labels := maps.Clone(pod.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[types.KubernetesPodNameLabel] = pod.Name
	labels[types.KubernetesPodNamespaceLabel] = pod.Namespace
	labels[types.KubernetesPodUIDLabel] = string(pod.UID)
	return labels
}

func containerLabels(pod *v1.Pod, c *v1.Container) map[string]string {
	return map[string]string{
		types.KubernetesPodNameLabel: pod.Name, types.KubernetesPodNamespaceLabel: pod.Namespace,
		types.KubernetesPodUIDLabel: string(pod.UID), types.KubernetesContainerNameLabel: c.Name,
	}
}

func containerAnnotations(pod *v1.Pod, c *v1.Container, attempt int) (map[string]string, error) {
	a := map[string]string{
		annotationHash: Hash(c), annotationRestartCount: strconv.Itoa(attempt),
		annotationTerminationPath: c.TerminationMessagePath, annotationTerminationPolicy: string(c.TerminationMessagePolicy),
	}
	if grace := pod.Spec.TerminationGracePeriodSeconds; grace != nil {
		a[annotationPodGrace] = strconv.FormatInt(*grace, 10)
	}
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		text, err := json.Marshal(c.Lifecycle.PreStop)
		if err != nil {
			return nil, fmt.Errorf("preStop hook: %w", err)
		}
		a[annotationPreStop] = string(text)
	}
	return a, nil
}

package environment

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Field is what a fieldRef says of a pod.
func Field(pod *v1.Pod, path string, f Facts) (string, error) {
	if whole, subscript, ok := subscripted(path); ok {
		switch whole {
		case "metadata.annotations":
			return pod.Annotations[subscript], nil
		case "metadata.labels":
			return pod.Labels[subscript], nil
		}
		return "", fmt.Errorf("fieldPath %q does not support subscript", path)
	}
	switch path {
	case "metadata.annotations":
		return lines(pod.Annotations), nil
	case "metadata.labels":
		return lines(pod.Labels), nil
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP":
		return first(f.HostIPs), nil
	case "status.hostIPs":
		return strings.Join(f.HostIPs, ","), nil
	case "status.podIP":
		return first(f.PodIPs), nil
	case "status.podIPs":
		return strings.Join(f.PodIPs, ","), nil
	}
	return "", fmt.Errorf("unsupported fieldPath: %v", path)
}

// subscripted takes metadata.labels['key'] apart.
func subscripted(path string) (whole, subscript string, ok bool) {
	whole, rest, found := strings.Cut(path, "['")
	subscript, closed := strings.CutSuffix(rest, "']")
	return whole, subscript, found && closed && whole != ""
}

// lines are labels or annotations as files have them: key="value", sorted.
func lines(all map[string]string) string {
	text := make([]string, 0, len(all))
	for key, value := range all {
		text = append(text, fmt.Sprintf("%v=%q", key, value))
	}
	slices.Sort(text)
	return strings.Join(text, "\n")
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

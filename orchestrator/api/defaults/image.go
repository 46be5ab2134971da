package defaults

import (
	"strings"

	v1 "k8s.io/api/core/v1"
)

// pullPolicy says when to pull an image: always if its tag is "latest" or, having no digest either, amounts to that.
func pullPolicy(image string) v1.PullPolicy {
	name, _, pinned := strings.Cut(image, "@")
	repository := name[strings.LastIndexByte(name, '/')+1:] // a colon before that is of a registry's port
	_, tag, tagged := strings.Cut(repository, ":")
	if tag == "latest" || (name != "" && !tagged && !pinned) {
		return v1.PullAlways
	}
	return v1.PullIfNotPresent
}

package tables

import (
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Words for what isn't there. Which is used where is a matter of habit.
const (
	none    = "<none>"
	unknown = "<unknown>"
	unset   = "<unset>"
)

// or returns s, or word if it is empty.
func or[S ~string](s S, word string) string {
	if s == "" {
		return word
	}
	return string(s)
}

// now is the time at which a table is made.
type now struct{ time.Time }

// since is how long ago t was, as a user likes to read it.
func (n now) since(t metav1.Time) string {
	if t.IsZero() {
		return unknown
	}
	return duration.HumanDuration(n.Sub(t.Time))
}

// age is how long ago an object was created.
func (n now) age(obj metav1.Object) string { return n.since(obj.GetCreationTimestamp()) }

// firstThree joins the first three of a list and says how many more there are.
func firstThree(list []string) string {
	const shown = 3
	if len(list) <= shown {
		return strings.Join(list, ",")
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(list[:shown], ","), len(list)-shown)
}

// containerCells are the names and the images of containers, in one cell each.
func containerCells(containers []v1.Container) (names, images string) {
	ns, is := make([]string, len(containers)), make([]string, len(containers))
	for i := range containers {
		ns[i], is[i] = containers[i].Name, containers[i].Image
	}
	return strings.Join(ns, ","), strings.Join(is, ",")
}

// ratio is "2/3".
func ratio[I int | int32](part, whole I) string { return fmt.Sprintf("%d/%d", part, whole) }

// boolean shows a bool that may be missing.
func boolean(b *bool) string {
	switch {
	case b == nil:
		return unset
	case *b:
		return "True"
	default:
		return "False"
	}
}

// slashed is "kind/name" or "namespace/name".
func slashed(first, second string) string { return first + "/" + second }

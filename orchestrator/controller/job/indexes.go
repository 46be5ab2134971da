package job

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/controller"
)

func indexed(job *batchv1.Job) bool {
	return job.Spec.CompletionMode != nil && *job.Spec.CompletionMode == batchv1.IndexedCompletion
}

func completions(job *batchv1.Job) int {
	if job.Spec.Completions == nil {
		return 0
	}
	return int(*job.Spec.Completions)
}

// indexOf is the index that a pod works on; -1 if it has none.
func indexOf(p *corev1.Pod) int {
	i, err := strconv.Atoi(p.Annotations[batchv1.JobCompletionIndexAnnotation])
	if err != nil || i < 0 {
		return -1
	}
	return i
}

// intervals are indexes in ascending order. In a status they are written as 1,3-5.
type intervals []int

// parseIntervals reads a status. What is no number or not below the limit is left out.
func parseIntervals(s string, limit int) (list intervals) {
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil {
			continue
		}
		for i := max(first, 0); i <= min(last, limit-1); i++ {
			list = append(list, i)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (v intervals) has(i int) bool {
	_, found := slices.BinarySearch(v, i)
	return found
}

func (v intervals) with(i int) intervals {
	at, found := slices.BinarySearch(v, i)
	if found {
		return v
	}
	return slices.Insert(slices.Clone(v), at, i)
}

// String is what is written into a status.
func (v intervals) String() string {
	var parts []string
	for i := 0; i < len(v); {
		j := i
		for j+1 < len(v) && v[j+1] == v[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, strconv.Itoa(v[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", v[i], v[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// surplus are the active pods of an index that is none, is complete, or has an older pod.
func (t *tally) surplus() (pods []*corev1.Pod) {
	if !indexed(t.job) {
		return nil
	}
	seen := map[int]bool{}
	for _, p := range t.active {
		i := indexOf(p)
		if i < 0 || i >= completions(t.job) || t.done.has(i) || seen[i] {
			pods = append(pods, p)
		}
		seen[i] = true
	}
	return pods
}

// freeIndexes are the n lowest indexes that no pod has completed or works on.
func (t *tally) freeIndexes(n int) (free []int) {
	taken := map[int]bool{}
	for _, p := range t.pods {
		if !controller.Ended(p) && (p.DeletionTimestamp == nil || waitsForEnd(t.job)) {
			taken[indexOf(p)] = true
		}
	}
	for i := 0; i < completions(t.job) && len(free) < n; i++ {
		if !t.done.has(i) && !taken[i] {
			free = append(free, i)
		}
	}
	return free
}

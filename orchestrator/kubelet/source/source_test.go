package source

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

const (
	patience = 20 * time.Second
	often    = 2 * time.Millisecond
)

// manifest is a static pod's.
func manifest(name, image string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: kube-system}\nspec:\n  containers: [{name: c, image: " + image + "}]\n"
}

func write(t *testing.T, dir, file, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
}

// sink remembers what it was told.
type sink struct {
	mu      sync.Mutex
	pods    map[types.UID]*v1.Pod
	mirrors []types.UID
}

func (s *sink) Update(pod *v1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pods[pod.UID] = pod
}

func (s *sink) Remove(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pods, uid)
}

func (s *sink) MirrorChanged(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mirrors = append(s.mirrors, uid)
}

// names are those of the pods that are wanted.
func (s *sink) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, pod := range s.pods {
		names = append(names, pod.Name+" "+pod.Spec.Containers[0].Image)
	}
	slices.Sort(names)
	return names
}

func (s *sink) until(t *testing.T, names ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return slices.Equal(s.names(), names) }, patience, often, "%v", names)
}

// run has a set of pods watched until the test ends.
func run(t *testing.T, client *fake.Clientset, dir string) (*Set, *sink) {
	t.Helper()
	into := &sink{pods: map[types.UID]*v1.Pod{}}
	folder, err := NewFolder(dir, "here", 20*time.Millisecond)
	require.NoError(t, err)
	owner := func() *v1.Node { return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "here", UID: "node-uid"}} }
	var set *Set
	if client == nil {
		set = NewSet("here", nil, owner, into)
	} else {
		set = NewSet("here", client, owner, into)
	}
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- set.Run(ctx, folder) }()
	t.Cleanup(func() { require.NoError(t, <-done) })
	return set, into
}

func TestStaticPodsAreThoseOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", manifest("a", "one"))
	write(t, dir, "json.json", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"},"spec":{"containers":[{"name":"c","image":"i"}]}}`)
	write(t, dir, ".hidden.yaml", manifest("hidden", "one"))
	write(t, dir, "same.yaml", manifest("a", "again"))
	write(t, dir, "broken.yaml", "{{{{")
	write(t, dir, "node.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: x}\n")
	write(t, dir, "invalid.yaml", manifest("invalid", `""`))
	set, into := run(t, nil, dir)
	into.until(t, "a-here one", "j-here i")
	require.True(t, set.Complete())
	write(t, dir, "a.yaml", manifest("a", "two"))
	into.until(t, "a-here two", "j-here i")
	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	into.until(t, "a-here again", "j-here i")
	require.NoError(t, os.RemoveAll(dir))
	into.until(t)
}

func TestAStaticPodIsWhatItsManifestSays(t *testing.T) {
	r, err := newReader("here")
	require.NoError(t, err)
	dir := t.TempDir()
	write(t, dir, "a.yaml", manifest("a", "one"))
	read := func() *v1.Pod {
		pods, errs, err := r.folder(dir)
		require.NoError(t, err)
		require.Empty(t, errs)
		require.Len(t, pods, 1)
		return pods[0]
	}
	pod := read()
	require.True(t, IsStatic(pod))
	require.Equal(t, "here", pod.Spec.NodeName)
	require.Equal(t, string(pod.UID), pod.Annotations[AnnotationHash])
	require.Equal(t, v1.RestartPolicyAlways, pod.Spec.RestartPolicy, "defaults are set")
	require.Equal(t, []v1.Toleration{{Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute}}, pod.Spec.Tolerations)
	require.Equal(t, pod.UID, read().UID, "read again, it is the same pod")
	write(t, dir, "a.yaml", manifest("a", "two"))
	require.NotEqual(t, pod.UID, read().UID)
}

func TestStaticPodsNeedNoApiserver(t *testing.T) {
	r, err := newReader("here")
	require.NoError(t, err)
	dir := t.TempDir()
	for file, more := range map[string]string{
		"secret":  "  volumes: [{name: v, secret: {secretName: s}}]\n",
		"account": "  serviceAccountName: s\n",
		"env":     "  initContainers: [{name: i, image: i, envFrom: [{configMapRef: {name: m}}]}]\n",
	} {
		write(t, dir, file+".yaml", manifest(file, "i")+more)
	}
	pods, errs, err := r.folder(dir)
	require.NoError(t, err)
	require.Empty(t, pods)
	require.Len(t, errs, 3)
	for _, err := range errs {
		require.ErrorContains(t, err, "static pods may not reference")
	}
}

func TestMirrorsShowStaticPods(t *testing.T) {
	dir, client := t.TempDir(), fake.NewClientset()
	pods := client.CoreV1().Pods("kube-system")
	write(t, dir, "a.yaml", manifest("a", "one"))
	_, into := run(t, client, dir)
	var mirror *v1.Pod
	shown := func(image string) func() bool {
		return func() bool {
			var err error
			mirror, err = pods.Get(t.Context(), "a-here", metav1.GetOptions{})
			return err == nil && mirror.Spec.Containers[0].Image == image
		}
	}
	require.Eventually(t, shown("one"), patience, often)
	into.mu.Lock()
	require.Len(t, into.pods, 1, "nobody runs a mirror")
	static := into.pods[UID(mirror)]
	into.mu.Unlock()
	require.NotNil(t, static)
	require.True(t, IsMirror(mirror))
	require.Equal(t, types.UID("node-uid"), mirror.OwnerReferences[0].UID)

	require.NoError(t, pods.Delete(t.Context(), "a-here", metav1.DeleteOptions{}))
	require.Eventually(t, shown("one"), patience, often, "a mirror that is deleted is made anew")
	write(t, dir, "a.yaml", manifest("a", "two"))
	require.Eventually(t, shown("two"), patience, often, "a changed pod has another mirror")
	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	require.Eventually(t, func() bool {
		_, err := pods.Get(t.Context(), "a-here", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, patience, often)
}

func TestPodsOfTheApiserver(t *testing.T) {
	client := fake.NewClientset()
	pods := client.CoreV1().Pods("ns")
	set, into := run(t, client, t.TempDir())
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "1"}, Spec: v1.PodSpec{NodeName: "here", Containers: []v1.Container{{Image: "i"}}}}
	require.Eventually(t, set.Complete, patience, often)
	_, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	into.until(t, "p i")
	pod.Spec.Containers[0].Image = "other"
	_, err = pods.Update(t.Context(), pod, metav1.UpdateOptions{})
	require.NoError(t, err)
	into.until(t, "p other")
	require.NoError(t, pods.Delete(t.Context(), "p", metav1.DeleteOptions{}))
	into.until(t)
	require.True(t, slices.ContainsFunc(client.Actions(), func(a clienttesting.Action) bool {
		w, is := a.(interface {
			GetWatchRestrictions() clienttesting.WatchRestrictions
		})
		return is && strings.Contains(w.GetWatchRestrictions().Fields.String(), "spec.nodeName=here")
	}), "others' pods aren't asked for")
}

// slowSink keeps whoever tells it of a pod waiting.
type slowSink struct {
	sink
	open chan struct{}
}

func (s *slowSink) Update(pod *v1.Pod) {
	<-s.open
	s.sink.Update(pod)
}

// What isn't wanted on a node is ended once the sources are complete: by then the sink must have heard of all that is.
func TestSourcesAreCompleteWhenTheSinkHasAll(t *testing.T) {
	for name, prepare := range map[string]func(dir string) *fake.Clientset{
		"static": func(dir string) *fake.Clientset {
			write(t, dir, "a.yaml", manifest("a", "one"))
			return fake.NewClientset()
		},
		"apiserver's": func(string) *fake.Clientset {
			return fake.NewClientset(&v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "1"}, Spec: v1.PodSpec{NodeName: "here"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			client := prepare(dir)
			into := &slowSink{sink{pods: map[types.UID]*v1.Pod{}}, make(chan struct{})}
			set := NewSet("here", client, func() *v1.Node { return nil }, into)
			folder, err := NewFolder(dir, "here", time.Hour)
			require.NoError(t, err)
			done := make(chan error, 1)
			ctx := t.Context()
			go func() { done <- set.Run(ctx, folder) }()
			t.Cleanup(func() { require.NoError(t, <-done) })
			require.Eventually(t, func() bool {
				set.mu.Lock()
				defer set.mu.Unlock()
				return set.informer.HasSynced() && (set.staticRead || len(set.static) > 0)
			}, patience, often)
			require.Never(t, set.Complete, 50*time.Millisecond, often)
			close(into.open)
			require.Eventually(t, set.Complete, patience, often)
			require.Len(t, into.pods, 1)
		})
	}
}

func TestNobodyMakesAPodStaticByAnAnnotation(t *testing.T) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "1", Annotations: map[string]string{AnnotationSource: fromFile, "mine": "yes"}}}
	into := &sink{pods: map[types.UID]*v1.Pod{}}
	set := NewSet("here", nil, nil, into)
	set.changed(pod)
	require.False(t, IsStatic(into.pods["1"]))
	require.Equal(t, "yes", into.pods["1"].Annotations["mine"])
	require.Equal(t, fromFile, pod.Annotations[AnnotationSource], "the informer's object is not to be changed")
}

func TestAnApiserverThatComesLateIsSoonAsked(t *testing.T) {
	tries := 0
	began := time.Now()
	require.True(t, Await(t.Context(), "it", func(context.Context) error {
		if tries++; tries < 3 {
			return apierrors.NewForbidden(v1.Resource("nodes"), "", nil)
		}
		return nil
	}))
	require.Less(t, time.Since(began), 10*awaitRetry)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, Await(ended, "it", func(ctx context.Context) error { return ctx.Err() }))
}

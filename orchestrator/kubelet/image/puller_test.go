package image

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	testingclock "k8s.io/utils/clock/testing"
)

// world is a puller and what it talks to.
type world struct {
	*Puller
	images *fakeImages
	clock  *testingclock.FakeClock
	events *record.FakeRecorder
}

func newWorld(change ...func(*PullerOptions)) *world {
	w := &world{images: &fakeImages{refuses: map[string]bool{}}, clock: testingclock.NewFakeClock(time.Unix(1000, 0)), events: record.NewFakeRecorder(100)}
	o := PullerOptions{Images: w.images, Recorder: w.events, Clock: w.clock}
	for _, f := range change {
		f(&o)
	}
	w.Puller = NewPuller(o)
	return w
}

// ensure asks for the image of a pod's container, and returns the reason of a failure.
func (w *world) ensure(t *testing.T, pod *v1.Pod) (ref, reason, text string) {
	t.Helper()
	ref, err := w.Ensure(t.Context(), pod, &pod.Spec.Containers[0], nil)
	if err == nil {
		return ref, "", ""
	}
	var why *Error
	require.ErrorAs(t, err, &why)
	return ref, why.Reason, why.Message
}

// said is the next event.
func (w *world) said(t *testing.T) string {
	t.Helper()
	select {
	case e := <-w.events.Events:
		return e
	default:
		t.Fatal("no event")
		return ""
	}
}

func TestPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		image  string
		policy v1.PullPolicy
		here   bool
		pulls  int
		reason string
	}{
		"never, here":             {"a:1", v1.PullNever, true, 0, ""},
		"never, not here":         {"a:1", v1.PullNever, false, 0, ReasonErrImageNeverPull},
		"if not present, here":    {"a:1", v1.PullIfNotPresent, true, 0, ""},
		"if not present, absent":  {"a:1", v1.PullIfNotPresent, false, 1, ""},
		"always":                  {"a:1", v1.PullAlways, true, 1, ""},
		"unset, latest":           {"a", "", true, 1, ""},
		"unset, tagged":           {"a:1", "", true, 0, ""},
		"unset, of port":          {"localhost:5000/a", "", true, 1, ""},
		"not a name":              {"a b", v1.PullAlways, false, 0, ReasonInvalidImageName},
		"not a repository's name": {"Up/Case:1", v1.PullAlways, false, 0, ReasonInvalidImageName},
		"empty":                   {"", v1.PullAlways, false, 0, ReasonInvalidImageName},
	} {
		w := newWorld()
		if c.here {
			tagged, err := WithTag(c.image)
			require.NoError(t, err)
			_, err = w.images.PullImage(t.Context(), specOf(tagged), nil, nil)
			require.NoError(t, err)
			w.images.pulls = nil
		}
		ref, reason, _ := w.ensure(t, podOf(c.image, c.policy))
		require.Equal(t, c.reason, reason, name)
		require.Equal(t, c.reason == "", ref != "", name)
		require.Len(t, w.images.pulls, c.pulls, name)
	}
}

func TestEvents(t *testing.T) {
	w := newWorld()
	_, _, _ = w.ensure(t, podOf("a:1", v1.PullIfNotPresent))
	require.Equal(t, `Normal Pulling Pulling image "a:1"`, w.said(t))
	require.Equal(t, `Normal Pulled Successfully pulled image "a:1" in 0s (0s including waiting). Image size: 10 bytes.`, w.said(t))
	_, _, _ = w.ensure(t, podOf("a:1", v1.PullIfNotPresent))
	require.Equal(t, `Normal Pulled Container image "a:1" already present on machine`, w.said(t))
	_, _, text := w.ensure(t, podOf("b:1", v1.PullNever))
	require.Equal(t, `Container image "b:1" is not present with pull policy of Never`, text)
	require.Equal(t, "Warning ErrImageNeverPull "+text, w.said(t))
	w.images.broken = errors.New("no runtime")
	_, reason, _ := w.ensure(t, podOf("b:1", v1.PullNever))
	require.Equal(t, ReasonImageInspectError, reason)
	require.Equal(t, `Warning InspectFailed Failed to inspect image "b:1": no runtime`, w.said(t))
}

func TestBackOff(t *testing.T) {
	w := newWorld()
	w.images.refuses["a:1 "] = true
	pod := podOf("a:1", v1.PullAlways)
	_, reason, text := w.ensure(t, pod)
	require.Equal(t, ReasonErrImagePull, reason)
	require.Equal(t, "denied", text)
	require.Equal(t, `Normal Pulling Pulling image "a:1"`, w.said(t))
	require.Equal(t, `Warning Failed Failed to pull image "a:1": denied`, w.said(t))
	w.clock.Step(9 * time.Second)
	_, reason, text = w.ensure(t, pod)
	require.Equal(t, ReasonImagePullBackOff, reason)
	require.Equal(t, `Back-off pulling image "a:1"`, text)
	require.Equal(t, "Normal BackOff "+text, w.said(t))
	require.Len(t, w.images.pulls, 1)

	other := podOf("a:1", v1.PullAlways)
	other.UID = "other"
	_, reason, _ = w.ensure(t, other)
	require.Equal(t, ReasonErrImagePull, reason, "another pod's turn")

	w.clock.Step(2 * time.Second)
	_, reason, _ = w.ensure(t, pod)
	require.Equal(t, ReasonErrImagePull, reason)
	w.clock.Step(11 * time.Second)
	_, reason, _ = w.ensure(t, pod)
	require.Equal(t, ReasonImagePullBackOff, reason, "twice as long")
	w.clock.Step(10 * time.Second)
	delete(w.images.refuses, "a:1 ")
	_, reason, _ = w.ensure(t, pod)
	require.Empty(t, reason)
	_, reason, _ = w.ensure(t, pod)
	require.Empty(t, reason, "forgotten by success")
}

func TestPullsAtATime(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*PullerOptions)
		most   int
	}{
		"no limit": {func(*PullerOptions) {}, 4},
		"one":      {func(o *PullerOptions) { o.Serialize = true }, 1},
		"two":      {func(o *PullerOptions) { o.MaxParallel = 2 }, 2},
	} {
		w := newWorld(c.change)
		w.images.pulling = make(chan struct{})
		ended := make(chan error)
		for range 4 {
			go func() {
				pod := podOf("a:1", v1.PullAlways)
				_, err := w.Ensure(t.Context(), pod, &pod.Spec.Containers[0], nil)
				ended <- err
			}()
		}
		require.Eventually(t, func() bool {
			w.images.mu.Lock()
			defer w.images.mu.Unlock()
			return w.images.atOnce == c.most
		}, 10*time.Second, time.Millisecond, name)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if c.most < 4 {
			pod := podOf("a:1", v1.PullAlways)
			_, err := w.Ensure(ctx, pod, &pod.Spec.Containers[0], nil)
			require.ErrorIs(t, err, context.Canceled, "who waits can be told to stop")
		}
		close(w.images.pulling)
		for range 4 {
			require.NoError(t, <-ended)
		}
		require.Equal(t, c.most, w.images.mostOnce, name)
	}
}

func TestPullSecrets(t *testing.T) {
	client := fake.NewClientset(
		&v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "new"}, Type: v1.SecretTypeDockerConfigJson, Data: map[string][]byte{
			v1.DockerConfigJsonKey: []byte(`{"auths":{"reg.example:5000":{"auth":"dXNlcjpwYXNz"},"https://reg.example:5000/team/":{"username":"team","password":"x"},"other":{"username":"o"}}}`),
		}},
		&v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "old"}, Type: v1.SecretTypeDockercfg, Data: map[string][]byte{
			v1.DockerConfigKey: []byte(`{"https://index.docker.io/v1/":{"username":"hub","password":"x"}}`),
		}},
		&v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "opaque"}},
		&v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "broken"}, Type: v1.SecretTypeDockercfg, Data: map[string][]byte{v1.DockerConfigKey: []byte("{")}})
	w := newWorld(func(o *PullerOptions) { o.Client = client })
	w.images.refuses["reg.example:5000/team/a:1 team"] = true
	for image, want := range map[string][]string{
		"reg.example:5000/team/a:1":  {"team", "user"}, // the one that says most is tried first
		"reg.example:5000/teams/a:1": {"user"},
		"reg.example/team/a:1":       {""}, // another port
		"busybox:1":                  {"hub"},
		"docker.io/library/b:1":      {"hub"},
		"unknown.example/a:1":        {""},
	} {
		w.images.pulls = nil
		_, reason, _ := w.ensure(t, podOf(image, v1.PullAlways, "new", "old"))
		require.Empty(t, reason, image)
		var users []string
		for _, user := range want {
			users = append(users, image+" "+user)
		}
		require.Equal(t, users, w.images.pulls)
	}
	for len(w.events.Events) > 0 {
		<-w.events.Events
	}
	_, reason, _ := w.ensure(t, podOf("busybox:1", v1.PullAlways, "none", "old", "opaque", "broken"))
	require.Empty(t, reason)
	w.said(t) // Pulling
	require.Equal(t, "Warning FailedToRetrieveImagePullSecret Unable to retrieve some image pull secrets (none, opaque, broken); "+
		"attempting to pull the image may not succeed.", w.said(t))
}

func TestCredentialsMatch(t *testing.T) {
	for _, c := range []struct {
		key, image string
		want       bool
	}{
		{"reg.example", "reg.example/a", true},
		{"reg.example/", "reg.example/a", true},
		{"http://reg.example/v2/", "reg.example/a", true},
		{"*.example", "reg.example/a", true},
		{"*.example", "a.reg.example/a", false},
		{"r*.example:5000", "reg.example:5000/a", true},
		{"*", "reg.example/a", false},
		{"reg.example/a", "reg.example/a", true},
		{"reg.example/a", "reg.example/a/b:1", true},
		{"reg.example/a", "reg.example/ab", false},
		{"docker.io", "busybox", true},
		{"registry-1.docker.io", "busybox", true},
		{"[", "busybox", false},
	} {
		found, err := (&entry{}).credential(c.key)
		require.NoError(t, err)
		require.Len(t, matching([]credential{found}, c.image), map[bool]int{true: 1}[c.want], c)
	}
	for _, auth := range []string{"!", "dXNlcg=="} { // not base64, no password
		_, err := (&entry{Auth: auth}).credential("x")
		require.Error(t, err, auth)
	}
	c, err := (&entry{Auth: "dTpwOnE"}).credential("x")
	require.NoError(t, err)
	require.Equal(t, "p:q", c.auth.Password)
}

func FuzzParseSecret(f *testing.F) {
	f.Add([]byte(`{"auths":{"x":{"auth":"dXNlcjpwYXNz"}}}`), "a:1")
	f.Fuzz(func(_ *testing.T, data []byte, image string) {
		for typ, key := range map[v1.SecretType]string{v1.SecretTypeDockerConfigJson: v1.DockerConfigJsonKey, v1.SecretTypeDockercfg: v1.DockerConfigKey} {
			all, err := parseSecret(&v1.Secret{Type: typ, Data: map[string][]byte{key: data}})
			if err == nil {
				matching(all, image)
			}
		}
		_, _ = WithTag(image)
	})
}

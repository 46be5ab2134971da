package serviceaccount

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

// abcde makes the same name each time.
type abcde struct{}

func (abcde) GenerateName(base string) string { return base + "abcde" }

func quick() *Plugin {
	p := New(abcde{})
	p.patience.Duration, p.patience.Jitter = time.Millisecond, 0
	return p
}

func account(name string, change func(*corev1.ServiceAccount)) *corev1.ServiceAccount {
	a := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
	if change != nil {
		change(a)
	}
	return a
}

func pod(change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"},
		Spec:       corev1.PodSpec{InitContainers: []corev1.Container{{Name: "i"}}, Containers: []corev1.Container{{Name: "c"}}},
	}
	if change != nil {
		change(p)
	}
	return p
}

func TestDefault(t *testing.T) {
	p := quick()
	admissiontest.Start(t, p, account("default", func(a *corev1.ServiceAccount) {
		a.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	}))
	got := pod(nil)
	require.NoError(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: got}))
	mount := []corev1.VolumeMount{{Name: "kube-api-access-abcde", ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}}
	require.Equal(t, pod(func(want *corev1.Pod) {
		want.Spec.ServiceAccountName, want.Spec.DeprecatedServiceAccount = "default", "default"
		want.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
		want.Spec.InitContainers[0].VolumeMounts, want.Spec.Containers[0].VolumeMounts = mount, mount
		want.Spec.Volumes = []corev1.Volume{{Name: "kube-api-access-abcde", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			DefaultMode: ptr.To[int32](0o644),
			Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: ptr.To[int64](3607)}},
				{ConfigMap: &corev1.ConfigMapProjection{
					LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}, Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
				}},
				{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
					{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
				}}},
			},
		}}}}
	}), got)

	again := got.DeepCopy()
	require.NoError(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: again}))
	require.Equal(t, got, again, "what has all that it needs stays as it is")
}

func TestAutomount(t *testing.T) {
	accountOff := account("off", func(a *corev1.ServiceAccount) { a.AutomountServiceAccountToken = ptr.To(false) })
	elsewhere := pod(func(p *corev1.Pod) {
		p.Spec.InitContainers = nil
		p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "mine", MountPath: mountPath}}
	})
	for name, tc := range map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"by default":          {pod(nil), true},
		"the account doesn't": {pod(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "off" }), false},
		"by its old field":    {pod(func(p *corev1.Pod) { p.Spec.DeprecatedServiceAccount = "off" }), false},
		"the pod doesn't":     {pod(func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = ptr.To(false) }), false},
		"the pod does, it doesn't": {pod(func(p *corev1.Pod) {
			p.Spec.ServiceAccountName, p.Spec.AutomountServiceAccountToken = "off", ptr.To(true)
		}), true},
		"something is there already": {elsewhere, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := quick()
			admissiontest.Start(t, p, account("default", nil), accountOff)
			require.NoError(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: tc.pod}))
			require.Equal(t, tc.want, len(tc.pod.Spec.Volumes) == 1)
			require.Equal(t, tc.pod.Spec.ServiceAccountName, tc.pod.Spec.DeprecatedServiceAccount)
		})
	}
}

func TestMissing(t *testing.T) {
	p := quick()
	client := admissiontest.Start(t, p)
	err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: pod(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "none" })})
	require.True(t, apierrors.IsForbidden(err))
	require.ErrorContains(t, err, `error looking up service account ns/none: serviceaccount "none" not found`)
	err = admissiontest.Send(context.Background(), p, admissiontest.Request{Object: pod(nil)})
	require.ErrorContains(t, err, `error looking up service account ns/default: serviceaccount "default" not found`)

	// The default account comes while a pod waits for it, and the informer is late.
	tries := 0
	client.PrependReactor("get", "serviceaccounts", func(clienttesting.Action) (bool, runtime.Object, error) {
		tries++
		return tries >= 3, account("default", nil), nil
	})
	require.NoError(t, admissiontest.Send(context.Background(), p, admissiontest.Request{Object: pod(nil)}))
	require.GreaterOrEqual(t, tries, 3)
}

func TestMirrorPods(t *testing.T) {
	mirror := func(change func(*corev1.Pod)) *corev1.Pod {
		return pod(func(p *corev1.Pod) {
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"}
			if change != nil {
				change(p)
			}
		})
	}
	volume := func(v corev1.VolumeSource) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: v}} }
	}
	token := corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}
	for name, tc := range map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"plain":   {mirror(nil), ""},
		"account": {mirror(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "default" }), "a mirror pod may not reference service accounts"},
		"secret":  {mirror(volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}})), "a mirror pod may not reference secrets"},
		"token": {
			mirror(volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{token}}})),
			"a mirror pod may not use service account token volume projections",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := quick()
			admissiontest.Start(t, p, account("default", nil))
			before := tc.pod.DeepCopy()
			err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: tc.pod})
			require.Equal(t, before, tc.pod)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestMountableSecrets(t *testing.T) {
	strict := account("default", func(a *corev1.ServiceAccount) {
		a.Annotations = map[string]string{"kubernetes.io/enforce-mountable-secrets": "true"}
		a.Secrets = []corev1.ObjectReference{{Name: "mine"}}
		a.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	})
	volume := func(secret string) *corev1.Pod {
		return pod(func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}}}
		})
	}
	env := []corev1.EnvVar{{Name: "E", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "other"},
	}}}}
	from := []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "other"}}}}
	const tail = ` is not allowed because service account default does not reference that `
	for name, tc := range map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"listed": {volume("mine"), ""},
		"volume": {volume("other"), `volume with secret.secretName="other"` + tail + "secret"},
		"env":    {pod(func(p *corev1.Pod) { p.Spec.Containers[0].Env = env }), `container c with envVar E referencing secret.secretName="other"` + tail + "secret"},
		"init":   {pod(func(p *corev1.Pod) { p.Spec.InitContainers[0].EnvFrom = from }), `init container i with envFrom referencing secret.secretName="other"` + tail + "secret"},
		"pull": {
			pod(func(p *corev1.Pod) { p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "other"}} }),
			`imagePullSecrets[0].name="other"` + tail + "imagePullSecret",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := quick()
			admissiontest.Start(t, p, strict)
			err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: tc.pod})
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
	t.Run("a container for debugging", func(t *testing.T) {
		p := quick()
		admissiontest.Start(t, p, strict)
		debugged := pod(func(p *corev1.Pod) {
			p.Spec.ServiceAccountName = "default"
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "d", Env: env}}}
		})
		err := admissiontest.Send(context.Background(), p, admissiontest.Request{Object: debugged, Old: pod(nil), Subresource: "ephemeralcontainers"})
		require.ErrorContains(t, err, "ephemeral container d with envVar E")
	})
}

func TestNeedsClientAndInformers(t *testing.T) {
	p := quick()
	p.SetExternalKubeClientSet(kubernetes.Interface(nil))
	require.Error(t, p.ValidateInitialization())
}

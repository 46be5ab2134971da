package node

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// world has a pod on node a that refers to one of everything, a mirror pod on a that refers to the secret "mirror", a pod on node b,
// and one that is on no node.
type world struct {
	t    *testing.T
	pods cache.Indexer
	auth *Authorizer
}

func onNode(node, name string, spec v1.PodSpec) *v1.Pod {
	spec.NodeName = node
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: name}, Spec: spec}
}

func withSecret(name string) v1.PodSpec {
	return v1.PodSpec{ServiceAccountName: name + "-account", Volumes: []v1.Volume{{VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: name}}}}}
}

func newWorld(t *testing.T) *world {
	shared := informers.NewSharedInformerFactory(nil, 0)
	auth, err := New(shared, []rbacv1.PolicyRule{{Verbs: []string{"get", "list"}, APIGroups: []string{""}, Resources: []string{"services"}}})
	require.NoError(t, err)
	w := &world{t: t, pods: shared.Core().V1().Pods().Informer().GetIndexer(), auth: auth}
	ref := func(name string) v1.LocalObjectReference { return v1.LocalObjectReference{Name: name} }
	source := func(s v1.VolumeSource) v1.Volume { return v1.Volume{Name: "scratch", VolumeSource: s} }
	mirror := onNode("a", "static", withSecret("mirror"))
	mirror.Annotations = map[string]string{v1.MirrorPodAnnotationKey: "1"}
	for _, p := range []*v1.Pod{
		onNode("a", "full", v1.PodSpec{
			ServiceAccountName: "robot", ImagePullSecrets: []v1.LocalObjectReference{ref("pull")},
			InitContainers: []v1.Container{{EnvFrom: []v1.EnvFromSource{{SecretRef: &v1.SecretEnvSource{LocalObjectReference: ref("init-all")}}}}},
			Containers: []v1.Container{{
				Env:     []v1.EnvVar{{ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: ref("env")}}}, {ValueFrom: nil}},
				EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: ref("env-map")}}},
			}},
			Volumes: []v1.Volume{
				source(v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "mounted"}}),
				source(v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
					{Secret: &v1.SecretProjection{LocalObjectReference: ref("projected")}}, {ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: ref("projected-map")}},
				}}}),
				source(v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: ref("mounted-map")}}),
				source(v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}}),
				source(v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{}}),
				source(v1.VolumeSource{}),
			},
		}),
		mirror, onNode("b", "other", withSecret("others")), onNode("", "waiting", withSecret("waiting")),
	} {
		require.NoError(t, w.pods.Add(p))
	}
	bound := func(name, claim string, s v1.PersistentVolumeSource) *v1.PersistentVolume {
		pv := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.PersistentVolumeSpec{PersistentVolumeSource: s}}
		if claim != "" {
			pv.Spec.ClaimRef = &v1.ObjectReference{Namespace: "x", Name: claim}
		}
		return pv
	}
	away := func(name string) *v1.SecretReference { return &v1.SecretReference{Namespace: "away", Name: name} }
	for _, pv := range []*v1.PersistentVolume{
		bound("pv", "claim", v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{
			NodeStageSecretRef: away("stage"), NodePublishSecretRef: away("publish"), ControllerPublishSecretRef: away("controller"),
		}}),
		bound("pv-ephemeral", "full-scratch", v1.PersistentVolumeSource{RBD: &v1.RBDPersistentVolumeSource{SecretRef: &v1.SecretReference{Name: "rbd"}}}),
		bound("pv-free", "", v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{NodeStageSecretRef: away("free")}}),
		bound("pv-other", "claim-of-b", v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{NodeStageSecretRef: away("of-b")}}),
		bound("pv-azure", "claim", v1.PersistentVolumeSource{AzureFile: &v1.AzureFilePersistentVolumeSource{SecretName: "azure"}}),
	} {
		require.NoError(t, shared.Core().V1().PersistentVolumes().Informer().GetIndexer().Add(pv))
	}
	for _, n := range []string{"a", "b"} {
		require.NoError(t, shared.Storage().V1().VolumeAttachments().Informer().GetIndexer().Add(
			&storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: "to-" + n}, Spec: storagev1.VolumeAttachmentSpec{NodeName: n}}))
	}
	return w
}

func kubelet(node string) user.Info {
	return &user.DefaultInfo{Name: "system:node:" + node, Groups: []string{"system:nodes", "system:authenticated"}}
}

// request reads "verb [group/]resource[.subresource] [namespace/][name]".
func request(s string) authorizer.AttributesRecord {
	parts := strings.Split(s, " ")
	a := authorizer.AttributesRecord{User: kubelet("a"), Verb: parts[0], ResourceRequest: true}
	if group, rest, ok := strings.Cut(parts[1], "/"); ok {
		a.APIGroup, parts[1] = group, rest
	}
	a.Resource, a.Subresource, _ = strings.Cut(parts[1], ":")
	if len(parts) > 2 {
		if ns, name, ok := strings.Cut(parts[2], "/"); ok {
			a.Namespace, a.Name = ns, name
		} else {
			a.Name = parts[2]
		}
	}
	return a
}

const none = "no relationship found between node 'a' and this object"

func TestWhatANodeMayDo(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		request string
		want    string // "allow", or the reason for having no opinion
	}{
		{"get secrets x/pull", "allow"},
		{"list secrets x/pull", "allow"},
		{"watch secrets x/pull", "allow"},
		{"get secrets x/init-all", "allow"},
		{"get secrets x/env", "allow"},
		{"get secrets x/mounted", "allow"},
		{"get secrets x/projected", "allow"},
		{"get secrets y/mounted", none},
		{"get secrets x/others", none},
		{"get secrets x/mirror", none},
		{"get secrets x/waiting", none},
		{"get secrets x/claim", none},
		{"get secrets x/", "No Object name found"},
		{"list secrets x/", "No Object name found"},
		{"list secrets", "can only read namespaced object of this type"},
		{"update secrets x/pull", "can only read resources of this type"},
		{"get secrets:status x/pull", "cannot read subresource"},
		{"get secrets away/stage", "allow"},
		{"get secrets away/publish", "allow"},
		{"get secrets away/controller", none},
		{"get secrets away/free", none},
		{"get secrets away/of-b", none},
		{"get secrets x/rbd", "allow"},
		{"get secrets x/azure", "allow"},

		{"get configmaps x/env-map", "allow"},
		{"get configmaps x/mounted-map", "allow"},
		{"watch configmaps x/projected-map", "allow"},
		{"get configmaps x/other", none},
		{"create configmaps x/", "can only read resources of this type"},

		{"get persistentvolumeclaims x/claim", "allow"},
		{"get persistentvolumeclaims x/full-scratch", "allow"},
		{"get persistentvolumeclaims x/claim-of-b", none},
		{"list persistentvolumeclaims x/claim", "can only get individual resources of this type"},
		{"patch persistentvolumeclaims:status x/claim", "allow"},
		{"patch persistentvolumeclaims:status x/claim-of-b", none},
		{"delete persistentvolumeclaims:status x/claim", "can only get/update/patch this type"},
		{"get persistentvolumes pv", "allow"},
		{"get persistentvolumes pv-ephemeral", "allow"},
		{"get persistentvolumes pv-free", none},
		{"get persistentvolumes pv-other", none},
		{"get persistentvolumes pv-unknown", none},
		{"get persistentvolumes:status pv", "cannot get subresource"},
		{"get storage.k8s.io/volumeattachments to-a", "allow"},
		{"get storage.k8s.io/volumeattachments to-b", none},
		{"get storage.k8s.io/volumeattachments unknown", none},

		{"create serviceaccounts:token x/robot", "allow"},
		{"get serviceaccounts x/robot", "allow"},
		{"create serviceaccounts:token x/others-account", none},
		{"create serviceaccounts:token x/mirror-account", none},
		{"create serviceaccounts:token x/", "can only create tokens for individual service accounts"},
		{"list serviceaccounts x/", "can only create tokens for individual service accounts"},
		{"create serviceaccounts x/robot", "can only create token subresource of service account"},

		{"get pods x/full", "allow"},
		{"get pods x/static", "allow"},
		{"get pods x/other", none},
		{"list pods", "can only list/watch pods with spec.nodeName field selector"},
		{"create pods x/", "allow"},
		{"delete pods x/other", "allow"},
		{"update pods:status x/full", "allow"},
		{"create pods:eviction x/full", "allow"},
		{"update pods x/full", ""},
		{"create pods:exec x/full", ""},

		{"get nodes a", "allow"},
		{"watch nodes a", "allow"},
		{"create nodes", "allow"},
		{"patch nodes:status a", "allow"},
		{"get nodes b", "node 'a' cannot read 'b', only its own Node object"},
		{"list nodes", "node 'a' cannot read all nodes, only its own Node object"},
		{"delete nodes a", ""},
		{"create nodes:proxy a", ""},

		{"get coordination.k8s.io/leases kube-node-lease/a", "allow"},
		{"update coordination.k8s.io/leases kube-node-lease/a", "allow"},
		{"create coordination.k8s.io/leases kube-node-lease/", "allow"},
		{"get coordination.k8s.io/leases kube-node-lease/b", "can only access node lease with the same name as the requesting node"},
		{"get coordination.k8s.io/leases kube-system/a", `can only access leases in the "kube-node-lease" system namespace`},
		{"list coordination.k8s.io/leases kube-node-lease/", "can only get, create, update, patch, or delete a node lease"},
		{"create storage.k8s.io/csinodes", "allow"},
		{"patch storage.k8s.io/csinodes a", "allow"},
		{"get storage.k8s.io/csinodes b", "can only access CSINode with the same name as the requesting node"},
		{"watch storage.k8s.io/csinodes a", "can only get, create, update, patch, or delete a CSINode"},
		{"get storage.k8s.io/csinodes:status a", "cannot authorize CSINode subresources"},

		{"list services", "allow"},
		{"delete services x/s", ""},
		{"get apps/secrets x/pull", ""},
	}
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			decision, reason, err := w.auth.Authorize(t.Context(), request(tt.request))
			require.NoError(t, err)
			if tt.want == "allow" {
				require.Equal(t, authorizer.DecisionAllow, decision, reason)
				return
			}
			require.Equal(t, authorizer.DecisionNoOpinion, decision)
			require.Equal(t, tt.want, reason)
		})
	}
}

func TestPodsAreListedByNode(t *testing.T) {
	w := newWorld(t)
	for selector, want := range map[string]authorizer.Decision{
		"spec.nodeName=a": authorizer.DecisionAllow, "spec.nodeName=a,metadata.namespace=x": authorizer.DecisionAllow,
		"spec.nodeName=b": authorizer.DecisionNoOpinion, "spec.nodeName!=a": authorizer.DecisionNoOpinion, "metadata.name=a": authorizer.DecisionNoOpinion,
	} {
		for _, verb := range []string{"list", "watch"} {
			a := request(verb + " pods")
			a.FieldSelectorRequirements = fields.ParseSelectorOrDie(selector).Requirements()
			decision, _, err := w.auth.Authorize(t.Context(), a)
			require.NoError(t, err)
			require.Equal(t, want, decision, "%s %s", verb, selector)
		}
	}
}

func TestOthersAreNoMatterOfNodes(t *testing.T) {
	w := newWorld(t)
	for _, u := range []user.Info{
		nil, &user.DefaultInfo{Name: "alice"}, &user.DefaultInfo{Name: "system:node:a"},
		&user.DefaultInfo{Name: "alice", Groups: []string{"system:nodes"}}, &user.DefaultInfo{Name: "system:node:", Groups: []string{"system:nodes"}},
	} {
		a := request("get secrets x/pull")
		a.User = u
		decision, _, err := w.auth.Authorize(t.Context(), a)
		require.NoError(t, err)
		require.Equal(t, authorizer.DecisionNoOpinion, decision)
	}
	_, _, incomplete, err := w.auth.RulesFor(t.Context(), &user.DefaultInfo{Name: "alice"}, "x")
	require.NoError(t, err)
	require.False(t, incomplete)
	_, _, incomplete, err = w.auth.RulesFor(t.Context(), kubelet("a"), "x")
	require.EqualError(t, err, "node authorizer does not support user rule resolution")
	require.True(t, incomplete)
}

func TestRightsGoWithThePod(t *testing.T) {
	w := newWorld(t)
	may := func(s string) bool {
		decision, _, err := w.auth.Authorize(t.Context(), request(s))
		require.NoError(t, err)
		return decision == authorizer.DecisionAllow
	}
	require.False(t, may("get secrets x/waiting"))
	require.NoError(t, w.pods.Update(onNode("a", "waiting", withSecret("waiting"))))
	require.True(t, may("get secrets x/waiting"), "from its binding")
	require.NoError(t, w.pods.Delete(onNode("a", "waiting", withSecret("waiting"))))
	require.False(t, may("get secrets x/waiting"), "until it is gone")
	require.True(t, may("get secrets away/stage"))
	require.NoError(t, w.pods.Delete(onNode("a", "full", v1.PodSpec{})))
	require.False(t, may("get secrets away/stage"))
	require.False(t, may("get persistentvolumes pv"))
}

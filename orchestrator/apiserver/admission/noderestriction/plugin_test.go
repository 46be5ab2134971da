package noderestriction

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/petcd/petcd/orchestrator/apiserver/admission/admissiontest"
)

type request = admissiontest.Request

// script is requests of the kubelet of node "n", each with the refusal, or "".
type script map[string]struct {
	request
	want string
}

func run(t *testing.T, s script) {
	for name, tc := range s {
		t.Run(name, func(t *testing.T) {
			p := New()
			admissiontest.Start(t, p, node("n", nil), bound("mine", "n"), bound("other", "m"))
			if tc.User == nil {
				tc.User = &user.DefaultInfo{Name: "system:node:n", Groups: []string{"system:nodes"}}
			}
			err := admissiontest.Send(context.Background(), p, tc.request)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.True(t, apierrors.IsForbidden(err) || apierrors.IsNotFound(err))
		})
	}
}

func node(name string, change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)}}
	if change != nil {
		change(n)
	}
	return n
}

func bound(name, to string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name)}, Spec: corev1.PodSpec{NodeName: to}}
}

func mirror(change func(*corev1.Pod)) *corev1.Pod {
	p := bound("static-n", "n")
	p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"}
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n", UID: "uid-n", Controller: ptr.To(true)}}
	if change != nil {
		change(p)
	}
	return p
}

func TestPods(t *testing.T) {
	volume := func(v corev1.VolumeSource) request {
		return request{Object: mirror(func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{VolumeSource: v}} })}
	}
	projected := func(p corev1.VolumeProjection) request {
		return volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{p}}})
	}
	changed := func(change func(*corev1.Pod)) request { return request{Object: mirror(change)} }
	relabeled := bound("mine", "n")
	relabeled.Labels = map[string]string{"a": "b"}
	claimed := bound("mine", "n")
	claimed.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{{Name: "x"}}
	run(t, script{
		"a mirror pod":      {changed(nil), ""},
		"no mirror pod":     {changed(func(p *corev1.Pod) { p.Annotations = nil }), `pod does not have "kubernetes.io/config.mirror" annotation, node "n" can only create mirror pods`},
		"elsewhere":         {changed(func(p *corev1.Pod) { p.Spec.NodeName = "m" }), `node "n" can only create pods with spec.nodeName set to itself`},
		"no owner":          {changed(func(p *corev1.Pod) { p.OwnerReferences = nil }), `node "n" can only create pods with an owner reference set to itself`},
		"two owners":        {changed(func(p *corev1.Pod) { p.OwnerReferences = append(p.OwnerReferences, p.OwnerReferences[0]) }), `with a single owner reference set to itself`},
		"another owner":     {changed(func(p *corev1.Pod) { p.OwnerReferences[0].Name = "m" }), `with an owner reference set to itself`},
		"no controller":     {changed(func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil }), `with a controller owner reference set to itself`},
		"blocking":          {changed(func(p *corev1.Pod) { p.OwnerReferences[0].BlockOwnerDeletion = ptr.To(true) }), `node "n" must not set blockOwnerDeletion on an owner reference`},
		"a former node":     {changed(func(p *corev1.Pod) { p.OwnerReferences[0].UID = "old" }), `node n UID mismatch: expected old got uid-n`},
		"account":           {changed(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "default" }), `node "n" can not create pods that reference a service account`},
		"secret":            {volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}), `reference secrets`},
		"config map":        {volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}), `reference configmaps`},
		"claim":             {volume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{}}), `reference persistentvolumeclaims`},
		"token":             {projected(corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}), `reference serviceaccount tokens`},
		"trust bundle":      {projected(corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{}}), `reference clustertrustbundles`},
		"device":            {changed(func(p *corev1.Pod) { p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "d"}} }), `reference resourceclaims`},
		"hostPath":          {volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}), ""},
		"update":            {request{Object: bound("mine", "n"), Old: bound("mine", "n")}, `unexpected operation "UPDATE", node "n" can only create and delete mirror pods`},
		"delete":            {request{Op: admission.Delete, Old: bound("mine", "n")}, ""},
		"delete another's":  {request{Op: admission.Delete, Old: bound("other", "n")}, `node "n" can only delete pods with spec.nodeName set to itself`},
		"delete what isn't": {request{Op: admission.Delete, Old: bound("gone", "n")}, `pods "gone" not found`},
		"status":            {request{Object: bound("mine", "n"), Old: bound("mine", "n"), Subresource: "status"}, ""},
		"another's status":  {request{Object: bound("other", "n"), Old: bound("other", "m"), Subresource: "status"}, `node "n" can only update pod status for pods with spec.nodeName set to itself`},
		"labels":            {request{Object: relabeled, Old: bound("mine", "n"), Subresource: "status"}, `node "n" cannot update labels through pod status`},
		"claim statuses":    {request{Object: claimed, Old: bound("mine", "n"), Subresource: "status"}, `cannot update resource claim statues`},
		"evict":             {request{Object: &policyv1.Eviction{}, Resource: "pods", Subresource: "eviction", Namespace: "ns", Name: "mine"}, ""},
		"evict another's":   {request{Object: &policyv1.Eviction{}, Resource: "pods", Subresource: "eviction", Namespace: "ns", Name: "other"}, `node n can only evict pods with spec.nodeName set to itself`},
		"evict, by object":  {request{Object: &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "other"}}, Resource: "pods", Subresource: "eviction", Namespace: "ns"}, `can only evict`},
		"evict nothing":     {request{Object: &policyv1.Eviction{}, Resource: "pods", Subresource: "eviction", Namespace: "ns"}, `could not determine pod from request data`},
		"bind":              {request{Object: &corev1.Binding{}, Resource: "pods", Subresource: "binding", Namespace: "ns", Name: "mine"}, `unexpected pod subresource "binding", only 'status' and 'eviction' are allowed`},
		"somebody else":     {request{Object: bound("x", "m"), User: &user.DefaultInfo{Name: "system:node:n"}}, ""},
		"a nameless node":   {request{Object: mirror(nil), User: &user.DefaultInfo{Name: "system:node:", Groups: []string{"system:nodes"}}}, `could not determine node from user "system:node:"`},
	})
}

func TestNodes(t *testing.T) {
	plain := node("n", nil)
	labeled := func(key string) *corev1.Node {
		return node("n", func(n *corev1.Node) { n.Labels = map[string]string{key: "x"} })
	}
	tainted := node("n", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "k"}} })
	owned := node("n", func(n *corev1.Node) { n.OwnerReferences = []metav1.OwnerReference{{Name: "x"}} })
	configured := node("n", func(n *corev1.Node) { n.Spec.ConfigSource = &corev1.NodeConfigSource{} })
	run(t, script{
		"create":           {request{Object: tainted}, ""},
		"create another":   {request{Object: node("m", nil)}, `node "n" is not allowed to modify node "m"`},
		"create, labels":   {request{Object: labeled("node-restriction.kubernetes.io/x")}, `node "n" is not allowed to set the following labels: node-restriction.kubernetes.io/x`},
		"create, config":   {request{Object: configured}, `configSource`},
		"update":           {request{Object: plain, Old: plain}, ""},
		"update another":   {request{Object: node("m", nil), Old: node("m", nil)}, `node "n" is not allowed to modify node "m"`},
		"status":           {request{Object: plain, Old: plain, Subresource: "status"}, ""},
		"delete another":   {request{Op: admission.Delete, Old: node("m", nil)}, `is not allowed to modify node "m"`},
		"taint":            {request{Object: tainted, Old: plain}, `node "n" is not allowed to modify taints`},
		"untaint, status":  {request{Object: plain, Old: tainted, Subresource: "status"}, `node "n" is not allowed to modify taints`},
		"owners":           {request{Object: owned, Old: plain}, `node "n" is not allowed to modify ownerReferences`},
		"config":           {request{Object: configured, Old: plain}, `is not allowed to update configSource to a new non-nil configSource`},
		"label":            {request{Object: labeled("node-restriction.kubernetes.io/x"), Old: plain}, `is not allowed to modify labels: node-restriction.kubernetes.io/x`},
		"label, below":     {request{Object: labeled("a.node-restriction.kubernetes.io/x"), Old: plain}, `is not allowed to modify labels`},
		"label taken off":  {request{Object: plain, Old: labeled("node-restriction.kubernetes.io/x")}, `is not allowed to modify labels`},
		"role":             {request{Object: labeled("node-role.kubernetes.io/master"), Old: plain}, `is not allowed to modify labels`},
		"label of k8s.io":  {request{Object: labeled("x.k8s.io/y"), Old: plain}, `is not allowed to modify labels`},
		"zone":             {request{Object: labeled("topology.kubernetes.io/zone"), Old: plain}, ""},
		"host name":        {request{Object: labeled("kubernetes.io/hostname"), Old: plain}, ""},
		"of the kubelet's": {request{Object: labeled("kubelet.kubernetes.io/x"), Old: plain}, ""},
		"of the node's":    {request{Object: labeled("foo.node.kubernetes.io/x"), Old: plain}, ""},
		"of others":        {request{Object: labeled("example.com/x"), Old: plain}, ""},
		"without a prefix": {request{Object: labeled("x"), Old: plain}, ""},
	})
}

func TestTokens(t *testing.T) {
	ask := func(ref *authenticationv1.BoundObjectReference) request {
		return request{
			Object:   &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: ref}},
			Resource: "serviceaccounts", Subresource: "token", Namespace: "ns", Name: "default",
		}
	}
	ref := func(kind, name string, uid types.UID) request {
		return ask(&authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: kind, Name: name, UID: uid})
	}
	run(t, script{
		"for its pod":     {ref("Pod", "mine", "uid-mine"), ""},
		"not bound":       {ask(nil), "node requested token not bound to a pod"},
		"to a secret":     {ref("Secret", "mine", "uid-mine"), "node requested token not bound to a pod"},
		"without a uid":   {ref("Pod", "mine", ""), "node requested token with a pod binding without a uid"},
		"for a former":    {ref("Pod", "mine", "old"), "the UID in the bound object reference (old) does not match the UID in record"},
		"for another's":   {ref("Pod", "other", "uid-other"), "node requested token bound to a pod scheduled on a different node"},
		"for what is not": {ref("Pod", "gone", "uid"), `pods "gone" not found`},
	})
}

// A kubelet acts as soon as its pod is bound, which may be before the informer has heard of it.
func TestTokenForAPodThatWasJustBound(t *testing.T) {
	p := New()
	client := admissiontest.Start(t, p, node("n", nil), bound("mine", ""))
	client.PrependReactor("get", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, bound("mine", "n"), nil })
	require.NoError(t, admissiontest.Send(context.Background(), p, request{
		User: &user.DefaultInfo{Name: "system:node:n", Groups: []string{"system:nodes"}},
		Object: &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{
			APIVersion: "v1", Kind: "Pod", Name: "mine", UID: "uid-mine",
		}}},
		Resource: "serviceaccounts", Subresource: "token", Namespace: "ns", Name: "default",
	}))
}

func TestLeasesAndOthers(t *testing.T) {
	lease := func(ns, name string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	}
	csi := func(name string) *storagev1.CSINode {
		return &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	claim := func(size string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c"},
			Status:     corev1.PersistentVolumeClaimStatus{Capacity: corev1.ResourceList{"storage": resource.MustParse(size)}},
		}
	}
	spec := claim("1Gi")
	spec.Spec.VolumeName = "stolen"
	run(t, script{
		"lease":              {request{Object: lease("kube-node-lease", "n")}, ""},
		"lease, renew":       {request{Object: lease("kube-node-lease", "n"), Old: lease("kube-node-lease", "n")}, ""},
		"lease elsewhere":    {request{Object: lease("ns", "n")}, `can only access leases in the "kube-node-lease" system namespace`},
		"another's lease":    {request{Object: lease("kube-node-lease", "m")}, "can only access node lease with the same name as the requesting node"},
		"another's, delete":  {request{Op: admission.Delete, Old: lease("kube-node-lease", "m")}, "can only access node lease with the same name"},
		"CSINode":            {request{Object: csi("n")}, ""},
		"another's CSINode":  {request{Object: csi("m"), Old: csi("m")}, "can only access CSINode with the same name as the requesting node"},
		"claim":              {request{Object: claim("1Gi"), Old: claim("1Gi")}, "may only update PVC status"},
		"claim's size":       {request{Object: claim("2Gi"), Old: claim("1Gi"), Subresource: "status"}, ""},
		"more of the claim":  {request{Object: spec, Old: claim("1Gi"), Subresource: "status"}, "is not allowed to update fields other than status.capacity and status.conditions"},
		"events, for others": {request{Object: &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}}}, ""},
	})
}

func TestCertificates(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ask := func(signer, name string) request {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
		require.NoError(t, err)
		return request{Object: &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{
			SignerName: signer, Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		}}}
	}
	broken := request{Object: &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: "kubernetes.io/kubelet-serving"}}}
	run(t, script{
		"its own":        {ask("kubernetes.io/kube-apiserver-client-kubelet", "system:node:n"), ""},
		"another's":      {ask("kubernetes.io/kubelet-serving", "system:node:m"), "can only create a node CSR with CN=system:node:n"},
		"of another use": {ask("example.com/x", "anything"), ""},
		"broken":         {broken, "unable to parse csr: PEM block type must be CERTIFICATE REQUEST"},
	})
}

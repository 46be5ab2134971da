package clustertest

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// TestSecurity: whom the apiserver believes, and what a node's credentials are good for.
func TestSecurity(t *testing.T) {
	c, admin, _ := start(t, Options{NoScheduler: true})
	ctx := context.Background()
	t.Run("credentials", func(t *testing.T) { credentials(t, c) })
	t.Run("node", func(t *testing.T) { nodeCredentials(ctx, t, c, admin) })
	t.Run("bad_objects", func(t *testing.T) { badObjects(ctx, t, admin) })
}

// credentials: without any one is anonymous, and may see health and version only; with bad ones one is nobody at all.
func credentials(t *testing.T, c *Cluster) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for _, tc := range []struct {
		path, token string
		code        int
		says        string
	}{
		{"/readyz", "", http.StatusOK, "ok"},
		{"/version", "", http.StatusOK, "gitVersion"},
		{"/api/v1/namespaces", "", http.StatusForbidden, `User \"system:anonymous\" cannot list resource \"namespaces\"`},
		{"/api/v1/secrets", "", http.StatusForbidden, "Forbidden"},
		{"/metrics", "", http.StatusForbidden, "Forbidden"},
		{"/api/v1/namespaces", "wrong", http.StatusUnauthorized, "Unauthorized"},
		{"/readyz", "wrong", http.StatusUnauthorized, "Unauthorized"},
		{"/api/v1/namespaces", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6a3ViZS1zeXN0ZW06YWRtaW4ifQ.", http.StatusUnauthorized, "Unauthorized"},
		{"/debug/pprof/", "", http.StatusForbidden, "Forbidden"},
		{"/openapi/v3", "", http.StatusForbidden, "Forbidden"},
	} {
		req, err := http.NewRequest(http.MethodGet, c.Server()+tc.path, nil)
		require.NoError(t, err)
		if tc.token != "" {
			req.Header.Set("Authorization", "Bearer "+tc.token)
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, tc.code, resp.StatusCode, "%s %s: %s", tc.path, tc.token, body)
		require.Contains(t, string(body), tc.says, tc.path)
	}
}

// nodeCredentials: a node reads the secrets that its own pods use, and no others; and changes itself, and no other node.
func nodeCredentials(ctx context.Context, t *testing.T, c *Cluster, admin kubernetes.Interface) {
	clients := map[string]kubernetes.Interface{}
	for _, name := range []string{"a", "b"} {
		require.NoError(t, c.NodeCredentials(name))
		config, err := c.ConfigOf(name)
		require.NoError(t, err)
		clients[name], err = kubernetes.NewForConfig(config)
		require.NoError(t, err)
		_, err = clients[name].CoreV1().Nodes().Create(ctx, &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		require.NoError(t, err, "a node registers itself")
		secret := &v1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "of-" + name}, StringData: map[string]string{"k": "v"}}
		_, err = admin.CoreV1().Secrets("default").Create(ctx, secret, metav1.CreateOptions{})
		require.NoError(t, err)
		pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "on-" + name}, Spec: v1.PodSpec{
			NodeName: name, AutomountServiceAccountToken: new(false),
			Containers: []v1.Container{{Name: "c", Image: "c"}},
			Volumes:    []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "of-" + name}}}},
		}}
		until(t, time.Minute, "the default account", func() (bool, error) {
			_, err := admin.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{})
			return err == nil, err
		})
	}
	a := clients["a"]
	until(t, time.Minute, "node a reads its pod's secret", func() (bool, error) {
		_, err := a.CoreV1().Secrets("default").Get(ctx, "of-a", metav1.GetOptions{})
		return err == nil, err
	})
	forbidden := func(err error, says string) {
		t.Helper()
		require.True(t, apierrors.IsForbidden(err), "%v", err)
		require.Contains(t, err.Error(), says)
	}
	_, err := a.CoreV1().Secrets("default").Get(ctx, "of-b", metav1.GetOptions{})
	forbidden(err, "no relationship found between node 'a' and this object")
	_, err = a.CoreV1().Secrets("default").List(ctx, metav1.ListOptions{})
	forbidden(err, "secrets")
	_, err = a.CoreV1().ConfigMaps("kube-system").Get(ctx, "any", metav1.GetOptions{})
	forbidden(err, "no relationship")
	b, err := a.CoreV1().Nodes().Get(ctx, "b", metav1.GetOptions{})
	if err == nil {
		b.Status.Phase = v1.NodeTerminated
		_, err = a.CoreV1().Nodes().UpdateStatus(ctx, b, metav1.UpdateOptions{})
	}
	forbidden(err, "b")
	own, err := a.CoreV1().Nodes().Get(ctx, "a", metav1.GetOptions{})
	require.NoError(t, err)
	own.Spec.Taints = nil
	own.Labels = map[string]string{"node-restriction.kubernetes.io/x": "y"}
	_, err = a.CoreV1().Nodes().Update(ctx, own, metav1.UpdateOptions{})
	forbidden(err, "")
	err = a.CoreV1().Pods("default").Delete(ctx, "on-b", metav1.DeleteOptions{})
	forbidden(err, "")
	_, err = a.RbacV1().ClusterRoles().List(ctx, metav1.ListOptions{})
	forbidden(err, "clusterroles")
	_, err = a.CoreV1().Pods("kube-system").Create(ctx, &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1.PodSpec{NodeName: "a", Containers: []v1.Container{{Name: "c", Image: "c"}}}}, metav1.CreateOptions{})
	forbidden(err, "")
}

// bad are objects that are refused, with the field that is named. Each kind that is kept is among them.
var bad = []struct{ path, body, field string }{
	{"/api/v1/namespaces/default/pods", `{"kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"Bad Name","image":"c"}]}}`, "spec.containers[0].name"},
	{"/api/v1/namespaces/default/pods", `{"kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[]}}`, "spec.containers"},
	{"/api/v1/namespaces/default/pods", `{"kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"c","resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}}]}}`, "spec.containers[0].resources.requests"},
	{"/api/v1/namespaces/default/podtemplates", `{"kind":"PodTemplate","metadata":{"name":"x"},"template":{"spec":{"containers":[{"name":"c"}]}}}`, "template.spec.containers[0].image"},
	{"/api/v1/nodes", `{"kind":"Node","metadata":{"name":"x"},"spec":{"taints":[{"key":"k","effect":"Sometimes"}]}}`, "spec.taints[0].effect"},
	{"/api/v1/namespaces", `{"kind":"Namespace","metadata":{"name":"Not_A_Label"}}`, "metadata.name"},
	{"/api/v1/namespaces/default/services", `{"kind":"Service","metadata":{"name":"x"},"spec":{"ports":[{"port":0}]}}`, "spec.ports[0].port"},
	{"/api/v1/namespaces/default/endpoints", `{"kind":"Endpoints","metadata":{"name":"x"},"subsets":[{"addresses":[{"ip":"nowhere"}],"ports":[{"port":1}]}]}`, "subsets[0].addresses[0].ip"},
	{"/api/v1/namespaces/default/events", `{"kind":"Event","metadata":{"name":"x","namespace":"default"},"involvedObject":{"kind":"Pod","namespace":"elsewhere"}}`, "involvedObject.namespace"},
	{"/api/v1/namespaces/default/secrets", `{"kind":"Secret","metadata":{"name":"x"},"type":"kubernetes.io/tls","data":{}}`, "data[tls.crt]"},
	{"/api/v1/namespaces/default/configmaps", `{"kind":"ConfigMap","metadata":{"name":"x"},"data":{"a/b":"c"}}`, "data[a/b]"},
	{"/api/v1/namespaces/default/serviceaccounts", `{"kind":"ServiceAccount","metadata":{"name":"Bad"}}`, "metadata.name"},
	{"/api/v1/persistentvolumes", `{"kind":"PersistentVolume","metadata":{"name":"x"},"spec":{"hostPath":{"path":"/x"},"accessModes":["ReadWriteOnce"]}}`, "spec.capacity"},
	{"/api/v1/namespaces/default/persistentvolumeclaims", `{"kind":"PersistentVolumeClaim","metadata":{"name":"x"},"spec":{"resources":{"requests":{"storage":"1Gi"}}}}`, "spec.accessModes"},
	{"/api/v1/namespaces/default/replicationcontrollers", `{"kind":"ReplicationController","metadata":{"name":"x"},"spec":{"replicas":-1,"selector":{"a":"b"},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"c"}]}}}}`, "spec.replicas"},
	{"/api/v1/namespaces/default/resourcequotas", `{"kind":"ResourceQuota","metadata":{"name":"x"},"spec":{"hard":{"pods":"-1"}}}`, "spec.hard[pods]"},
	{"/api/v1/namespaces/default/limitranges", `{"kind":"LimitRange","metadata":{"name":"x"},"spec":{"limits":[{"type":"Container","min":{"cpu":"2"},"max":{"cpu":"1"}}]}}`, "spec.limits[0].min[cpu]"},
	{"/apis/apps/v1/namespaces/default/deployments", `{"kind":"Deployment","metadata":{"name":"x"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"c"}},"spec":{"containers":[{"name":"c","image":"c"}]}}}}`, "spec.template.metadata.labels"},
	{"/apis/apps/v1/namespaces/default/replicasets", `{"kind":"ReplicaSet","metadata":{"name":"x"},"spec":{"template":{"metadata":{"labels":{"a":"c"}},"spec":{"containers":[{"name":"c","image":"c"}]}}}}`, "spec.selector"},
	{"/apis/apps/v1/namespaces/default/daemonsets", `{"kind":"DaemonSet","metadata":{"name":"x"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"c"}]}}}}`, "spec.template.spec.restartPolicy"},
	{"/apis/apps/v1/namespaces/default/statefulsets", `{"kind":"StatefulSet","metadata":{"name":"x"},"spec":{"podManagementPolicy":"Chaos","selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"c"}]}}}}`, "spec.podManagementPolicy"},
	{"/apis/apps/v1/namespaces/default/controllerrevisions", `{"kind":"ControllerRevision","metadata":{"name":"x"},"revision":-1,"data":{}}`, "revision"},
	{"/apis/batch/v1/namespaces/default/jobs", `{"kind":"Job","metadata":{"name":"x"},"spec":{"template":{"spec":{"restartPolicy":"Always","containers":[{"name":"c","image":"c"}]}}}}`, "spec.template.spec.restartPolicy"},
	{"/apis/batch/v1/namespaces/default/cronjobs", `{"kind":"CronJob","metadata":{"name":"x"},"spec":{"schedule":"soon","jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"c"}]}}}}}}`, "spec.schedule"},
	{"/apis/coordination.k8s.io/v1/namespaces/default/leases", `{"kind":"Lease","metadata":{"name":"x"},"spec":{"leaseDurationSeconds":0}}`, "spec.leaseDurationSeconds"},
	{"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", `{"kind":"EndpointSlice","metadata":{"name":"x"},"addressType":"Telegraph","endpoints":[],"ports":[]}`, "addressType"},
	{"/apis/policy/v1/namespaces/default/poddisruptionbudgets", `{"kind":"PodDisruptionBudget","metadata":{"name":"x"},"spec":{"minAvailable":1,"maxUnavailable":1}}`, "spec"},
	{"/apis/scheduling.k8s.io/v1/priorityclasses", `{"kind":"PriorityClass","metadata":{"name":"system-x"},"value":1}`, "metadata.name"},
	{"/apis/storage.k8s.io/v1/storageclasses", `{"kind":"StorageClass","metadata":{"name":"x"},"provisioner":""}`, "provisioner"},
	{"/apis/storage.k8s.io/v1/csidrivers", `{"kind":"CSIDriver","metadata":{"name":"_x"},"spec":{}}`, "metadata.name"},
	{"/apis/storage.k8s.io/v1/csinodes", `{"kind":"CSINode","metadata":{"name":"x"},"spec":{"drivers":[{"name":"","nodeID":"n"}]}}`, "spec.drivers[0].name"},
	{"/apis/storage.k8s.io/v1/volumeattachments", `{"kind":"VolumeAttachment","metadata":{"name":"x"},"spec":{"attacher":"","nodeName":"n","source":{"persistentVolumeName":"p"}}}`, "spec.attacher"},
	{"/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", `{"kind":"Role","metadata":{"name":"x"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":[]}]}`, "rules[0].verbs"},
	{"/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", `{"kind":"RoleBinding","metadata":{"name":"x"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Rule","name":"r"}}`, "roleRef.kind"},
	{"/apis/rbac.authorization.k8s.io/v1/clusterroles", `{"kind":"ClusterRole","metadata":{"name":"x"},"rules":[{"verbs":["get"]}]}`, "rules[0].apiGroups"},
	{"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{"kind":"ClusterRoleBinding","metadata":{"name":"x"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":""}}`, "roleRef.name"},
	{"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", `{"kind":"NetworkPolicy","metadata":{"name":"x"},"spec":{"podSelector":{},"policyTypes":["Sideways"]}}`, "spec.policyTypes[0]"},
	{"/apis/networking.k8s.io/v1/namespaces/default/ingresses", `{"kind":"Ingress","metadata":{"name":"x"},"spec":{}}`, "spec"},
	{"/apis/networking.k8s.io/v1/ingressclasses", `{"kind":"IngressClass","metadata":{"name":"x"},"spec":{"controller":"not a path"}}`, "spec.controller"},
	{"/apis/certificates.k8s.io/v1/certificatesigningrequests", `{"kind":"CertificateSigningRequest","metadata":{"name":"x"},"spec":{"request":"AAAA","signerName":"example.org/s","usages":["client auth"]}}`, "spec.request"},
	{"/apis/apiextensions.k8s.io/v1/customresourcedefinitions", `{"kind":"CustomResourceDefinition","metadata":{"name":"x"},"spec":{"group":"example.org","scope":"Namespaced","names":{"plural":"boats","kind":"Boat"},"versions":[]}}`, "metadata.name"},
}

// badObjects: each is refused with 422, and the answer names the field.
func badObjects(ctx context.Context, t *testing.T, admin *kubernetes.Clientset) {
	seen := map[string]bool{}
	for _, tc := range bad {
		path := strings.Split(strings.Trim(tc.path, "/"), "/")
		seen[path[len(path)-1]] = true
		version := "v1"
		if path[0] == "apis" {
			version = path[1] + "/" + path[2]
		}
		body := strings.Replace(tc.body, "{", `{"apiVersion":"`+version+`",`, 1)
		err := admin.RESTClient().Post().AbsPath(tc.path).SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(ctx).Error()
		if !assert.True(t, apierrors.IsInvalid(err), "%s: %v", tc.path, err) {
			continue
		}
		status := err.(apierrors.APIStatus).Status()
		require.EqualValues(t, http.StatusUnprocessableEntity, status.Code)
		var fields []string
		for _, cause := range status.Details.Causes {
			fields = append(fields, cause.Field)
		}
		assert.Contains(t, fields, tc.field, "%s: %v", tc.path, err)
	}
	_, lists, err := admin.Discovery().ServerGroupsAndResources()
	require.NoError(t, err)
	for _, list := range lists {
		for _, r := range list.APIResources {
			stored := strings.Contains(strings.Join(r.Verbs, " "), "list")
			assert.True(t, !stored || seen[r.Name], "no bad object of %s", r.Name)
		}
	}
}

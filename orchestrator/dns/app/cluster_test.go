package app

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/petcd/petcd/orchestrator/clustertest"
	"github.com/petcd/petcd/orchestrator/dns/manifest"
)

// startCluster runs a control plane without nodes.
func startCluster(t *testing.T) (*rest.Config, kubernetes.Interface) {
	t.Helper()
	bin := os.Getenv("PETCD_BIN_DIR")
	if bin == "" {
		bin = filepath.Join("..", "..", "..", "bin")
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Skipf("no %s in %s: `make control-plane` builds it", name, bin)
		}
	}
	c, err := clustertest.Start(t.Context(), clustertest.Options{Bin: bin, Dir: t.TempDir(), NoScheduler: true})
	t.Cleanup(func() {
		if c == nil {
			return
		}
		if t.Failed() {
			t.Log(c.Tails(15))
		}
		if err := c.Stop(); err != nil {
			t.Log(err)
		}
	})
	require.NoError(t, err)
	config, err := c.Config()
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return config, client
}

// What the manifests allow is enough for the server to know the Services of a real apiserver, and the name of the Service in
// front of it.
func TestOnARealAPIServer(t *testing.T) {
	config, admin := startCluster(t)
	ctx := t.Context()
	for _, obj := range manifest.Objects(manifest.Options{Image: "unused"}) {
		var err error
		switch obj := obj.(type) {
		case *v1.ServiceAccount:
			_, err = admin.CoreV1().ServiceAccounts(obj.Namespace).Create(ctx, obj, metav1.CreateOptions{})
		case *v1.Service:
			_, err = admin.CoreV1().Services(obj.Namespace).Create(ctx, obj, metav1.CreateOptions{})
		case *rbacv1.ClusterRole:
			_, err = admin.RbacV1().ClusterRoles().Create(ctx, obj, metav1.CreateOptions{})
		case *rbacv1.ClusterRoleBinding:
			_, err = admin.RbacV1().ClusterRoleBindings().Create(ctx, obj, metav1.CreateOptions{})
		}
		require.NoError(t, err)
	}
	token, err := admin.CoreV1().ServiceAccounts("kube-system").CreateToken(ctx, "cluster-dns", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	account := rest.AnonymousClientConfig(config)
	account.BearerToken = token.Status.Token

	o := newTestOptions(t)
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- o.Run(serving, account) }()
	defer func() { stop(); require.NoError(t, <-ended) }()
	eventually := func(name, want string) {
		t.Helper()
		require.Eventually(t, func() bool { return ask(o, name) == want }, time.Minute, 20*time.Millisecond, "%s", ask(o, name))
	}
	eventually("kube-dns.kube-system.svc.cluster.local.", "10.96.0.10")
	var own *v1.Service
	require.Eventually(t, func() bool { // the apiserver makes it once there is its namespace
		own, err = admin.CoreV1().Services("default").Get(ctx, "kubernetes", metav1.GetOptions{})
		return err == nil
	}, time.Minute, 20*time.Millisecond, "%v", err)
	eventually("kubernetes.default.svc.cluster.local.", own.Spec.ClusterIP)

	made, err := admin.CoreV1().Services("default").Create(ctx, &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: v1.ServiceSpec{Ports: []v1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	eventually("web.default.svc.cluster.local.", made.Spec.ClusterIP)
	require.NoError(t, admin.CoreV1().Services("default").Delete(ctx, "web", metav1.DeleteOptions{}))
	eventually("web.default.svc.cluster.local.", "NXDOMAIN")
	// A resolver of the standard library, as a program in a pod has it.
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	}}
	_, services, err := resolver.LookupSRV(ctx, "https", "tcp", "kubernetes.default.svc.cluster.local.")
	require.NoError(t, err)
	require.Len(t, services, 1)
	names, err := resolver.LookupAddr(ctx, "10.96.0.10")
	require.NoError(t, err)
	require.Equal(t, []string{"kube-dns.kube-system.svc.cluster.local."}, names)
}

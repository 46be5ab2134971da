package manifest

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/petcd/petcd/orchestrator/dns/app"
)

// The objects refer to each other, and the flags are ones that the program knows.
func TestObjects(t *testing.T) {
	objects := Objects(Options{Image: "registry/cluster-dns:v1", Domain: "example.org."})
	for _, obj := range objects {
		kinds, _, err := scheme.Scheme.ObjectKinds(obj)
		require.NoError(t, err)
		require.Equal(t, kinds[0], obj.GetObjectKind().GroupVersionKind())
	}
	account, role, binding := objects[0].(*v1.ServiceAccount), objects[1].(*rbacv1.ClusterRole), objects[2].(*rbacv1.ClusterRoleBinding)
	deployment, service := objects[3].(*appsv1.Deployment), objects[4].(*v1.Service)
	pod := deployment.Spec.Template
	require.Equal(t, account.Name, pod.Spec.ServiceAccountName)
	require.Equal(t, account.Name, binding.Subjects[0].Name)
	require.Equal(t, role.Name, binding.RoleRef.Name)
	require.Equal(t, pod.Labels, service.Spec.Selector)
	require.Equal(t, pod.Labels, deployment.Spec.Selector.MatchLabels)
	require.Equal(t, "10.96.0.10", service.Spec.ClusterIP)
	require.EqualValues(t, 2, *deployment.Spec.Replicas)

	c := pod.Spec.Containers[0]
	o := app.NewOptions()
	command := app.NewCommand()
	require.NoError(t, command.ParseFlags(c.Args))
	domain, err := command.Flags().GetString("domain")
	require.NoError(t, err)
	require.Equal(t, "example.org", domain)
	require.Equal(t, o.HealthPort, c.LivenessProbe.HTTPGet.Port.IntValue())
	require.Equal(t, o.ReadyPort, c.ReadinessProbe.HTTPGet.Port.IntValue())
	require.EqualValues(t, o.Port, c.Ports[0].ContainerPort)
	require.EqualValues(t, o.MetricsPort, c.Ports[2].ContainerPort)
	require.EqualValues(t, o.Port, service.Spec.Ports[0].TargetPort.IntValue())
}

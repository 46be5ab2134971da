package tables

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
)

var _ rest.TableConvertor = New()

// noon is when the tables of these tests are made.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func atNoon() *Converter {
	c := New()
	c.clock = testingclock.NewFakePassiveClock(noon)
	return c
}

// tableCase is an object as YAML, and what the cells of its row hold, joined by " | ".
type tableCase struct{ name, object, want string }

func runCases(t *testing.T, cases []tableCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, cellsOf(t, decode(t, c.object)))
		})
	}
}

func decode(t *testing.T, text string) runtime.Object {
	t.Helper()
	codecs := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict)
	obj, _, err := codecs.UniversalDeserializer().Decode([]byte(text), nil, nil)
	require.NoError(t, err)
	return obj
}

// cellsOf returns an object's row, which must fit its columns and be of types that JSON has.
func cellsOf(t *testing.T, obj runtime.Object) string {
	t.Helper()
	table, err := atNoon().ConvertToTable(context.Background(), obj, &metav1.TableOptions{})
	require.NoError(t, err)
	require.Len(t, table.Rows, 1)
	row := table.Rows[0]
	require.Len(t, row.Cells, len(table.ColumnDefinitions))
	require.Same(t, obj, row.Object.Object)
	require.NotPanics(t, func() { table.DeepCopy() })
	words := make([]string, len(row.Cells))
	for i, cell := range row.Cells {
		words[i] = fmt.Sprint(cell)
	}
	return strings.Join(words, " | ")
}

func TestList(t *testing.T) {
	list := &v1.NamespaceList{
		ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: "here", RemainingItemCount: ptr.To(int64(3))},
		Items:    []v1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}},
	}
	table, err := New().ConvertToTable(context.Background(), list, nil)
	require.NoError(t, err)
	require.Equal(t, list.ListMeta, table.ListMeta)
	require.Len(t, table.ColumnDefinitions, 3)
	require.Len(t, table.Rows, 2)
	require.Equal(t, []any{"b", "", "<unknown>"}, table.Rows[1].Cells)
	require.Same(t, &list.Items[1], table.Rows[1].Object.Object)
}

func TestEmptyListHasColumns(t *testing.T) {
	table, err := New().ConvertToTable(context.Background(), &v1.PodList{}, &metav1.TableOptions{})
	require.NoError(t, err)
	require.NotNil(t, table.Rows)
	require.Empty(t, table.Rows)
	require.Equal(t, "Ready", table.ColumnDefinitions[1].Name)
}

func TestNoHeaders(t *testing.T) {
	for _, obj := range []runtime.Object{&v1.Pod{}, &v1.LimitRange{}} {
		table, err := New().ConvertToTable(context.Background(), obj, &metav1.TableOptions{NoHeaders: true})
		require.NoError(t, err)
		require.Empty(t, table.ColumnDefinitions)
		require.Len(t, table.Rows, 1)
	}
}

func TestResourceVersionOfOne(t *testing.T) {
	table, err := New().ConvertToTable(context.Background(), &v1.Pod{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "9"}}, nil)
	require.NoError(t, err)
	require.Equal(t, "9", table.ResourceVersion)
}

// TestAnythingElse has the library's table.
func TestAnythingElse(t *testing.T) {
	runCases(t, []tableCase{{"limit range", `
apiVersion: v1
kind: LimitRange
metadata: {name: limits, creationTimestamp: "2026-01-02T11:00:00Z"}
`, "limits | 2026-01-02T11:00:00Z"}, {"role", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: view, creationTimestamp: "2026-01-02T11:00:00Z"}
`, "view | 2026-01-02T11:00:00Z"}})
}

// TestColumns has what kubectl prints above the rows, wide ones in brackets.
func TestColumns(t *testing.T) {
	for kind, want := range map[string]string{
		"v1/Pod":                                           "Name Ready Status Restarts Age [IP] [Node] [Nominated Node] [Readiness Gates]",
		"v1/PodTemplate":                                   "Name Containers Images Pod Labels",
		"v1/ReplicationController":                         "Name Desired Current Ready Age [Containers] [Images] [Selector]",
		"v1/Service":                                       "Name Type Cluster-IP External-IP Port(s) Age [Selector]",
		"v1/Endpoints":                                     "Name Endpoints Age",
		"v1/Node":                                          "Name Status Roles Age Version [Internal-IP] [External-IP] [OS-Image] [Kernel-Version] [Container-Runtime]",
		"v1/Event":                                         "Last Seen Type Reason Object [Subobject] [Source] Message [First Seen] [Count] [Name]",
		"v1/Namespace":                                     "Name Status Age",
		"v1/Secret":                                        "Name Type Data Age",
		"v1/ConfigMap":                                     "Name Data Age",
		"v1/ServiceAccount":                                "Name Secrets Age",
		"v1/ResourceQuota":                                 "Name Request Limit Age",
		"v1/LimitRange":                                    "Name Created At",
		"v1/PersistentVolume":                              "Name Capacity Access Modes Reclaim Policy Status Claim StorageClass VolumeAttributesClass Reason Age [VolumeMode]",
		"v1/PersistentVolumeClaim":                         "Name Status Volume Capacity Access Modes StorageClass VolumeAttributesClass Age [VolumeMode]",
		"apps/v1/Deployment":                               "Name Ready Up-to-date Available Age [Containers] [Images] [Selector]",
		"apps/v1/ReplicaSet":                               "Name Desired Current Ready Age [Containers] [Images] [Selector]",
		"apps/v1/StatefulSet":                              "Name Ready Age [Containers] [Images]",
		"apps/v1/DaemonSet":                                "Name Desired Current Ready Up-to-date Available Node Selector Age [Containers] [Images] [Selector]",
		"apps/v1/ControllerRevision":                       "Name Controller Revision Age",
		"autoscaling/v1/Scale":                             "Name Desired Available Age",
		"storage.k8s.io/v1/CSIDriver":                      "Name AttachRequired PodInfoOnMount StorageCapacity TokenRequests RequiresRepublish Modes Age",
		"storage.k8s.io/v1/CSINode":                        "Name Drivers Age",
		"storage.k8s.io/v1/VolumeAttachment":               "Name Attacher PV Node Attached Age",
		"batch/v1/Job":                                     "Name Status Completions Duration Age [Containers] [Images] [Selector]",
		"batch/v1/CronJob":                                 "Name Schedule Timezone Suspend Active Last Schedule Age [Containers] [Images] [Selector]",
		"coordination.k8s.io/v1/Lease":                     "Name Holder Age",
		"discovery.k8s.io/v1/EndpointSlice":                "Name AddressType Ports Endpoints Age",
		"networking.k8s.io/v1/Ingress":                     "Name Class Hosts Address Ports Age",
		"networking.k8s.io/v1/IngressClass":                "Name Controller Parameters Age",
		"networking.k8s.io/v1/NetworkPolicy":               "Name Pod-Selector Age",
		"policy/v1/PodDisruptionBudget":                    "Name Min Available Max Unavailable Allowed Disruptions Age",
		"scheduling.k8s.io/v1/PriorityClass":               "Name Value Global-Default Age PreemptionPolicy",
		"storage.k8s.io/v1/StorageClass":                   "Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age",
		"rbac.authorization.k8s.io/v1/Role":                "Name Created At",
		"certificates.k8s.io/v1/CertificateSigningRequest": "Name Age SignerName Requestor RequestedDuration Condition",
		"rbac.authorization.k8s.io/v1/RoleBinding":         "Name Role Age [Users] [Groups] [ServiceAccounts]",
		"rbac.authorization.k8s.io/v1/ClusterRoleBinding":  "Name Role Age [Users] [Groups] [ServiceAccounts]",
	} {
		apiVersion, kind := kind[:strings.LastIndex(kind, "/")], kind[strings.LastIndex(kind, "/")+1:]
		obj := decode(t, fmt.Sprintf("apiVersion: %s\nkind: %s", apiVersion, kind))
		table, err := New().ConvertToTable(context.Background(), obj, nil)
		require.NoError(t, err)
		var names []string
		for _, c := range table.ColumnDefinitions {
			require.NotEmpty(t, c.Type, c.Name)
			require.NotEmpty(t, c.Description, "%s %s", kind, c.Name)
			require.Equal(t, c.Name == "Name", c.Format == "name", c.Name)
			if c.Priority > 0 {
				c.Name = "[" + c.Name + "]"
			}
			names = append(names, c.Name)
		}
		require.Equal(t, want, strings.Join(names, " "), kind)
	}
}

// TestNothingSet shows objects of all kinds that have nothing but their kind.
func TestNothingSet(t *testing.T) {
	for gvk := range scheme.Scheme.AllKnownTypes() {
		obj, err := scheme.Scheme.New(gvk)
		require.NoError(t, err)
		if _, err := meta.Accessor(obj); err == nil {
			cellsOf(t, obj)
		}
	}
}

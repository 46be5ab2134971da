package tables

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// core are the smaller kinds of the core group. Its volumes are in storage.go.
func core() []printer {
	return []printer{replicationControllers(), resourceQuotas(),
		printerOf(columns{
			nameColumn(), col("Status", text, "The status of the namespace"), ageColumn(),
		}, func(n *v1.Namespace, at now) []any {
			return []any{n.Name, string(n.Status.Phase), at.age(n)}
		}),
		printerOf(columns{
			nameColumn(),
			col("Type", text, v1.Secret{}.SwaggerDoc()["type"]),
			col("Data", text, v1.Secret{}.SwaggerDoc()["data"]),
			ageColumn(),
		}, func(s *v1.Secret, at now) []any {
			return []any{s.Name, string(s.Type), int64(len(s.Data)), at.age(s)}
		}),
		printerOf(columns{
			nameColumn(), col("Data", text, v1.ConfigMap{}.SwaggerDoc()["data"]), ageColumn(),
		}, func(c *v1.ConfigMap, at now) []any {
			return []any{c.Name, int64(len(c.Data) + len(c.BinaryData)), at.age(c)}
		}),
		printerOf(columns{
			nameColumn(), col("Secrets", text, v1.ServiceAccount{}.SwaggerDoc()["secrets"]), ageColumn(),
		}, func(a *v1.ServiceAccount, at now) []any {
			return []any{a.Name, int64(len(a.Secrets)), at.age(a)}
		}),
	}
}

// replicationControllers look like ReplicaSets.
func replicationControllers() printer {
	spec, status := v1.ReplicationControllerSpec{}.SwaggerDoc(), v1.ReplicationControllerStatus{}.SwaggerDoc()
	return printerOf(columns{
		nameColumn(),
		col("Desired", number, spec["replicas"]),
		col("Current", number, status["replicas"]),
		col("Ready", number, status["readyReplicas"]),
		ageColumn(),
		containersColumn(), imagesColumn(), wide("Selector", spec["selector"]),
	}, func(c *v1.ReplicationController, at now) []any {
		var names, images string
		if c.Spec.Template != nil {
			names, images = containerCells(c.Spec.Template.Spec.Containers)
		}
		return []any{
			c.Name, int64(ptr.Deref(c.Spec.Replicas, 1)), int64(c.Status.Replicas), int64(c.Status.ReadyReplicas), at.age(c),
			names, images, labels.FormatLabels(c.Spec.Selector),
		}
	})
}

// resourceQuotas show all that a namespace may use in two cells.
func resourceQuotas() printer {
	return printerOf(columns{
		nameColumn(),
		col("Request", text, "Request represents a minimum amount of cpu/memory that a container may consume."),
		col("Limit", text, "Limits control the maximum amount of cpu/memory that a container may use"+
			" independent of contention on the node."),
		ageColumn(),
	}, func(q *v1.ResourceQuota, at now) []any {
		requests, limits := quotaUse(&q.Status)
		return []any{q.Name, requests, limits, at.age(q)}
	})
}

// quotaUse says of each resource what is used and what there is, limits apart from the rest.
func quotaUse(s *v1.ResourceQuotaStatus) (requests, limits string) {
	var rs, ls []string
	for _, name := range slices.Sorted(maps.Keys(s.Hard)) {
		used, hard := s.Used[name], s.Hard[name]
		use := fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String())
		if strings.HasPrefix(string(name), "limits.") {
			ls = append(ls, use)
		} else {
			rs = append(rs, use)
		}
	}
	return strings.Join(rs, ", "), strings.Join(ls, ", ")
}

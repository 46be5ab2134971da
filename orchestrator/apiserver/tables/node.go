package tables

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Labels that give a node a role. It is shown and means nothing else.
const (
	roleLabelPrefix = "node-role.kubernetes.io/" // the role follows
	roleLabel       = "kubernetes.io/role"       // the role is its value
)

// nodes has one printer: other kinds have none of their own that concern nodes.
func nodes() []printer {
	info, addresses := v1.NodeSystemInfo{}.SwaggerDoc(), v1.NodeStatus{}.SwaggerDoc()["addresses"]
	return []printer{printerOf(columns{
		nameColumn(),
		col("Status", text, "The status of the node"),
		col("Roles", text, "The roles of the node"),
		ageColumn(),
		col("Version", text, info["kubeletVersion"]),
		wide("Internal-IP", addresses),
		wide("External-IP", addresses),
		wide("OS-Image", info["osImage"]),
		wide("Kernel-Version", info["kernelVersion"]),
		wide("Container-Runtime", info["containerRuntimeVersion"]),
	}, func(n *v1.Node, at now) []any {
		i := &n.Status.NodeInfo
		return []any{
			n.Name, nodeStatus(n), or(strings.Join(roles(n.Labels), ","), none), at.age(n), i.KubeletVersion,
			address(n, v1.NodeInternalIP), address(n, v1.NodeExternalIP),
			or(i.OSImage, unknown), or(i.KernelVersion, unknown), or(i.ContainerRuntimeVersion, unknown),
		}
	})}
}

// nodeStatus tells whether a node is ready, and that it takes no pods.
func nodeStatus(n *v1.Node) string {
	word := "Unknown"
	for _, c := range n.Status.Conditions {
		if c.Type != v1.NodeReady {
			continue
		}
		word = "NotReady"
		if c.Status == v1.ConditionTrue {
			word = "Ready"
		}
	}
	if n.Spec.Unschedulable {
		word += ",SchedulingDisabled"
	}
	return word
}

// roles are those of both labels, in order.
func roles(labels map[string]string) []string {
	var all []string
	for key, value := range labels {
		if role, ok := strings.CutPrefix(key, roleLabelPrefix); ok && role != "" {
			all = append(all, role)
		} else if key == roleLabel && value != "" {
			all = append(all, value)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// address is the first of a type.
func address(n *v1.Node, typ v1.NodeAddressType) string {
	for _, a := range n.Status.Addresses {
		if a.Type == typ {
			return a.Address
		}
	}
	return none
}

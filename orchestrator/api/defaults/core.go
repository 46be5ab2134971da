package defaults

import (
	v1 "k8s.io/api/core/v1"
)

// namespace labels a namespace with its name, for selectors. Whoever makes up a name must do the same.
func namespace(n *v1.Namespace) {
	if n.Name != "" {
		if n.Labels == nil {
			n.Labels = map[string]string{}
		}
		n.Labels[v1.LabelMetadataName] = n.Name
	}
	set(&n.Status.Phase, v1.NamespaceActive)
}

// configMap always has data, if none at all.
func configMap(c *v1.ConfigMap) {
	if c.Data == nil {
		c.Data = map[string]string{}
	}
}

// secret is of the type that says nothing about what is in it.
func secret(s *v1.Secret) {
	mergeStringData(s)
	set(&s.Type, v1.SecretTypeOpaque)
}

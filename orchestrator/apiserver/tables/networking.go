package tables

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// networking are ingresses, their classes, and network policies.
func networking() []printer {
	return []printer{
		printerOf(columns{
			nameColumn(),
			col("Class", text, "The name of the IngressClass resource that should be used for additional configuration"),
			col("Hosts", text, "Hosts that incoming requests are matched against before the ingress rule"),
			col("Address", text, "Address is a list containing ingress points for the load-balancer"),
			col("Ports", text, "Ports of TLS configurations that open"),
			ageColumn(),
		}, func(i *networkingv1.Ingress, at now) []any {
			ports := "80"
			if len(i.Spec.TLS) > 0 {
				ports = "80, 443"
			}
			return []any{i.Name, ptr.Deref(i.Spec.IngressClassName, none), hosts(i.Spec.Rules), ingressAddress(i), ports, at.age(i)}
		}),
		printerOf(columns{
			nameColumn(),
			col("Controller", text, "Controller that is responsible for handling this class"),
			col("Parameters", text, "A reference to a resource with additional parameters"),
			ageColumn(),
		}, func(c *networkingv1.IngressClass, at now) []any {
			return []any{c.Name, c.Spec.Controller, parameters(c.Spec.Parameters), at.age(c)}
		}),
		printerOf(columns{
			nameColumn(), col("Pod-Selector", text, networkingv1.NetworkPolicySpec{}.SwaggerDoc()["podSelector"]), ageColumn(),
		}, func(p *networkingv1.NetworkPolicy, at now) []any {
			return []any{p.Name, metav1.FormatLabelSelector(&p.Spec.PodSelector), at.age(p)}
		}),
	}
}

// hosts are the first three. How many more there are is counted in rules, whether they name a host or not.
func hosts(rules []networkingv1.IngressRule) string {
	const shown = 3
	var all []string
	for _, r := range rules {
		if len(all) == shown {
			return fmt.Sprintf("%s + %d more...", strings.Join(all, ","), len(rules)-shown)
		}
		if r.Host != "" {
			all = append(all, r.Host)
		}
	}
	return or(strings.Join(all, ","), "*")
}

// ingressAddress is where the load balancer listens, if it does.
func ingressAddress(i *networkingv1.Ingress) string {
	var all []string
	for _, in := range i.Status.LoadBalancer.Ingress {
		all = append(all, or(in.IP, in.Hostname))
	}
	return strings.Join(sorted(all), ",")
}

// parameters is "kind.group/name".
func parameters(ref *networkingv1.IngressClassParametersReference) string {
	if ref == nil {
		return none
	}
	kind := ref.Kind
	if ref.APIGroup != nil {
		kind += "." + *ref.APIGroup
	}
	return slashed(kind, ref.Name)
}

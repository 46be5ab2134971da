package tables

import "testing"

func TestServices(t *testing.T) {
	runCases(t, []tableCase{{"cluster", `
apiVersion: v1
kind: Service
metadata: {name: s, creationTimestamp: "2026-01-02T11:55:00Z"}
spec: {type: ClusterIP, clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, "fd00::1"], ports: [{port: 80, protocol: TCP}, {port: 53, protocol: UDP}], selector: {app: web}}
`, "s | ClusterIP | 10.96.0.1 | <none> | 80/TCP,53/UDP | 5m | app=web"}, {"headless", `
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {type: ClusterIP, clusterIP: None, clusterIPs: [None]}
`, "s | ClusterIP | None | <none> | <none> | <unknown> | <none>"}, {"node port", `
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {type: NodePort, clusterIP: 10.96.0.1, ports: [{port: 80, nodePort: 30080, protocol: TCP}], externalIPs: [192.0.2.1, 192.0.2.2]}
`, "s | NodePort | 10.96.0.1 | 192.0.2.1,192.0.2.2 | 80:30080/TCP | <unknown> | <none>"}, {"load balancer that waits", `
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {type: LoadBalancer, clusterIP: 10.96.0.1, ports: [{port: 80, nodePort: 30080, protocol: TCP}]}
`, "s | LoadBalancer | 10.96.0.1 | <pending> | 80:30080/TCP | <unknown> | <none>"}, {"load balancer", `
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {type: LoadBalancer, clusterIP: 10.96.0.1, externalIPs: [192.0.2.9]}
status: {loadBalancer: {ingress: [{hostname: lb.example.com}, {ip: 192.0.2.1}]}}
`, "s | LoadBalancer | 10.96.0.1 | 192.0.2.1,lb.example.com,192.0.2.9 | <none> | <unknown> | <none>"}, {"name of another", `
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {type: ExternalName, externalName: example.com}
`, "s | ExternalName | <none> | example.com | <none> | <unknown> | <none>"}})
}

func TestEndpoints(t *testing.T) {
	runCases(t, []tableCase{{"many", `
apiVersion: v1
kind: Endpoints
metadata: {name: e, creationTimestamp: "2026-01-02T11:55:00Z"}
subsets:
- addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}]
  notReadyAddresses: [{ip: 10.0.0.9}]
  ports: [{port: 80}, {port: 81}]
- addresses: [{ip: "fd00::1"}]
  ports: [{port: 80}]
`, "e | 10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 2 more... | 5m"}, {"without ports", `
apiVersion: v1
kind: Endpoints
metadata: {name: e}
subsets: [{addresses: [{ip: 10.0.0.1}]}]
`, "e | 10.0.0.1 | <unknown>"}, {"none", `
apiVersion: v1
kind: Endpoints
metadata: {name: e}
`, "e | <none> | <unknown>"}, {"slice", `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: e, creationTimestamp: "2026-01-02T11:55:00Z"}
addressType: IPv4
ports: [{port: 80}, {name: named}, {}, {port: 83}]
endpoints: [{addresses: [10.0.0.1, 10.0.0.2]}, {addresses: [10.0.0.3]}, {addresses: [10.0.0.4]}]
`, "e | IPv4 | 80,named,* + 1 more... | 10.0.0.1,10.0.0.2,10.0.0.3 + 1 more... | 5m"}, {"empty slice", `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: e}
addressType: IPv4
`, "e | IPv4 | <unset> | <unset> | <unknown>"}})
}

func TestNetworking(t *testing.T) {
	runCases(t, []tableCase{{"ingress", `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, creationTimestamp: "2026-01-02T11:55:00Z"}
spec: {ingressClassName: edge, tls: [{}], rules: [{host: a}, {}, {host: b}, {host: c}, {host: d}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.2}, {ip: 192.0.2.1}]}}
`, "i | edge | a,b,c + 2 more... | 192.0.2.1,192.0.2.2 | 80, 443 | 5m"}, {"ingress for all hosts", `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i}
`, "i | <none> | * |  | 80 | <unknown>"}, {"ingress class", `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: c}
spec: {controller: example.com/edge, parameters: {apiGroup: example.com, kind: Config, name: n1}}
`, "c | example.com/edge | Config.example.com/n1 | <unknown>"}, {"ingress class without parameters", `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: c}
spec: {controller: example.com/edge}
`, "c | example.com/edge | <none> | <unknown>"}, {"network policy", `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p}
spec: {podSelector: {matchLabels: {app: web}}}
`, "p | app=web | <unknown>"}})
}

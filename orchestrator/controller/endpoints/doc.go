// Package endpoints writes the Endpoints of each Service that has a selector: the addresses of its pods, the ready and the others.
//
// EndpointSlices have replaced Endpoints; what still reads these are users (kubectl get endpoints) and old programs. They hold
// 1000 addresses at most, and an annotation says when there are more. They are of one address family, the Service's first.
//
// Read subsets first: from pods to what is written. Endpoints of Services without a selector are left alone: users write them.
package endpoints

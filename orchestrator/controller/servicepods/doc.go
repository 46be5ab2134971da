// Package servicepods is what the controllers of Endpoints and of EndpointSlices have in common: which pods are behind a Service, at
// which addresses and ports, and since when.
//
// It is no controller. Read Watch first, then Member and TargetPort.
package servicepods

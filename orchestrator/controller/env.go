package controller

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
)

// Env is what a controller gets from the process that runs it. Its tests give it fakes.
type Env struct {
	Client    kubernetes.Interface
	Informers informers.SharedInformerFactory
	Events    record.EventBroadcaster
	Clock     clock.WithTicker

	// For the controllers that handle objects of all kinds; nil elsewhere.
	Metadata  metadata.Interface
	Discovery discovery.ServerResourcesInterface
	Mapper    meta.ResettableRESTMapper
}

// Recorder returns what writes events in a controller's name.
func (e *Env) Recorder(component string) record.EventRecorder {
	return e.Events.NewRecorder(scheme.Scheme, v1.EventSource{Component: component})
}

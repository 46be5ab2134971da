package defaults

import (
	v1 "k8s.io/api/core/v1"
)

// container defaults a container of any sort.
func container(c *v1.Container) {
	set(&c.ImagePullPolicy, pullPolicy(c.Image))
	set(&c.TerminationMessagePath, v1.TerminationMessagePathDefault)
	set(&c.TerminationMessagePolicy, v1.TerminationMessageReadFile)
	requirements(&c.Resources)
	for i := range c.Ports {
		set(&c.Ports[i].Protocol, v1.ProtocolTCP)
	}
	for i := range c.Env {
		envSource(c.Env[i].ValueFrom)
	}
	probe(c.LivenessProbe)
	probe(c.ReadinessProbe)
	probe(c.StartupProbe)
	if l := c.Lifecycle; l != nil {
		for _, h := range []*v1.LifecycleHandler{l.PostStart, l.PreStop} {
			if h != nil {
				httpGet(h.HTTPGet)
			}
		}
	}
}

// envSource is where an env variable's value comes from; s may be nil.
func envSource(s *v1.EnvVarSource) {
	if s == nil {
		return
	}
	fieldRef(s.FieldRef)
	if s.FileKeyRef != nil {
		point(&s.FileKeyRef.Optional, false)
	}
}

// fieldRef is how env variables and downward API files name a field of their pod.
func fieldRef(s *v1.ObjectFieldSelector) {
	if s != nil {
		set(&s.APIVersion, "v1")
	}
}

// probe makes a probe run every ten seconds for one, and count once for success and three times for failure.
func probe(p *v1.Probe) {
	if p == nil {
		return
	}
	set(&p.TimeoutSeconds, 1)
	set(&p.PeriodSeconds, 10)
	set(&p.SuccessThreshold, 1)
	set(&p.FailureThreshold, 3)
	httpGet(p.HTTPGet)
	if p.GRPC != nil {
		point(&p.GRPC.Service, "")
	}
}

// httpGet is for probes and lifecycle hooks; a may be nil.
func httpGet(a *v1.HTTPGetAction) {
	if a != nil {
		set(&a.Path, "/")
		set(&a.Scheme, v1.URISchemeHTTP)
	}
}

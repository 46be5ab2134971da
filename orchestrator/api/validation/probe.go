package validation

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// probes checks the three probes of a container. Only readiness may need several successes, and only it cannot kill.
func probes(at path, c *v1.Container) errs {
	all := slices.Concat(
		probe(at.Child("livenessProbe"), c.LivenessProbe),
		probe(at.Child("readinessProbe"), c.ReadinessProbe),
		probe(at.Child("startupProbe"), c.StartupProbe),
		oneSuccess(at.Child("livenessProbe"), c.LivenessProbe),
		oneSuccess(at.Child("startupProbe"), c.StartupProbe),
	)
	if p := c.ReadinessProbe; p != nil && p.TerminationGracePeriodSeconds != nil {
		all = append(all, field.Invalid(at.Child("readinessProbe", "terminationGracePeriodSeconds"), *p.TerminationGracePeriodSeconds,
			"must not be set for readinessProbes"))
	}
	return all
}

// oneSuccess asks that one good answer is enough.
func oneSuccess(at path, p *v1.Probe) errs {
	if p == nil || p.SuccessThreshold == 1 {
		return nil
	}
	return errs{field.Invalid(at.Child("successThreshold"), p.SuccessThreshold, "must be 1")}
}

// probe checks how a container is asked, and how often.
func probe(at path, p *v1.Probe) errs {
	if p == nil {
		return nil
	}
	h := &p.ProbeHandler
	all := handler(at, h, h.Exec, h.HTTPGet, h.TCPSocket)
	if g := h.GRPC; g != nil {
		all = append(all, port(at.Child("grpc", "port"), g.Port)...)
	}
	if s := p.TerminationGracePeriodSeconds; s != nil && *s <= 0 {
		all = append(all, field.Invalid(at.Child("terminationGracePeriodSeconds"), *s, "must be greater than 0"))
	}
	return slices.Concat(all,
		notNegative(at.Child("initialDelaySeconds"), p.InitialDelaySeconds),
		notNegative(at.Child("timeoutSeconds"), p.TimeoutSeconds),
		notNegative(at.Child("periodSeconds"), p.PeriodSeconds),
		notNegative(at.Child("successThreshold"), p.SuccessThreshold),
		notNegative(at.Child("failureThreshold"), p.FailureThreshold),
	)
}

// lifecycle checks what is done after a container's start and before its end. grace is how long the end may take, if known.
func lifecycle(at path, l *v1.Lifecycle, grace *int64) errs {
	if l == nil {
		return nil
	}
	var all errs
	if l.StopSignal != nil && *l.StopSignal == "" {
		all = append(all, field.Required(at.Child("stopSignal"), ""))
	}
	return slices.Concat(all,
		hook(at.Child("postStart"), l.PostStart, grace),
		hook(at.Child("preStop"), l.PreStop, grace),
	)
}

// hook checks what is done at one of the two moments. A sleep longer than the grace would be cut short.
func hook(at path, h *v1.LifecycleHandler, grace *int64) errs {
	if h == nil {
		return nil
	}
	all := handler(at, h, h.Exec, h.HTTPGet, h.TCPSocket)
	if s := h.Sleep; s != nil && (s.Seconds < 0 || grace != nil && s.Seconds > *grace) {
		why := "must be non-negative"
		if grace != nil {
			why += fmt.Sprintf(" and less than terminationGracePeriodSeconds (%d)", *grace)
		}
		all = append(all, field.Invalid(at.Child("sleep"), s.Seconds, why))
	}
	return all
}

// handler checks that one thing is to be done, and the three that probes and hooks have in common.
func handler(at path, union any, exec *v1.ExecAction, get *v1.HTTPGetAction, tcp *v1.TCPSocketAction) errs {
	all := oneMember(at, union, "must specify a handler type", "may not specify more than 1 handler type")
	if exec != nil {
		all = append(all, when(len(exec.Command) == 0, field.Required(at.Child("exec", "command"), ""))...)
	}
	if get != nil {
		all = append(all, httpGet(at.Child("httpGet"), get)...)
	}
	if tcp != nil {
		all = append(all, portOrName(at.Child("tcpSocket", "port"), tcp.Port)...)
	}
	return all
}

// httpGet checks a request that the kubelet sends.
func httpGet(at path, g *v1.HTTPGetAction) errs {
	return slices.Concat(
		need(at.Child("path"), g.Path),
		portOrName(at.Child("port"), g.Port),
		oneOf(at.Child("scheme"), g.Scheme, v1.URISchemeHTTP, v1.URISchemeHTTPS),
		each(at.Child("httpHeaders"), g.HTTPHeaders, func(_ path, h *v1.HTTPHeader) errs {
			return invalid(at.Child("httpHeaders"), h.Name, validation.IsHTTPHeaderName(h.Name))
		}),
	)
}

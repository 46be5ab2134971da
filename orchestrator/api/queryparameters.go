package api

import (
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
)

// addQueryParameters lets the options of connections to pods, which come as query parameters, be read.
func addQueryParameters(s *runtime.Scheme) error {
	for _, add := range []error{
		fromQuery(s, func(q *query, o *corev1.PodExecOptions) {
			o.Stdin, o.Stdout, o.Stderr, o.TTY = q.bool("stdin"), q.bool("stdout"), q.bool("stderr"), q.bool("tty")
			o.Container, o.Command = q.string("container"), q.values["command"]
		}),
		fromQuery(s, func(q *query, o *corev1.PodAttachOptions) {
			o.Stdin, o.Stdout, o.Stderr, o.TTY = q.bool("stdin"), q.bool("stdout"), q.bool("stderr"), q.bool("tty")
			o.Container = q.string("container")
		}),
		fromQuery(s, func(q *query, o *corev1.PodPortForwardOptions) {
			for _, port := range q.values["ports"] {
				o.Ports = append(o.Ports, int32(q.number(port, 32)))
			}
		}),
		fromQuery(s, func(q *query, o *corev1.PodLogOptions) {
			o.Container = q.string("container")
			o.Follow, o.Previous, o.Timestamps = q.bool("follow"), q.bool("previous"), q.bool("timestamps")
			o.InsecureSkipTLSVerifyBackend = q.bool("insecureSkipTLSVerifyBackend")
			o.SinceSeconds, o.TailLines, o.LimitBytes = q.numberOf("sinceSeconds"), q.numberOf("tailLines"), q.numberOf("limitBytes")
			if at := q.string("sinceTime"); at != "" {
				o.SinceTime = new(metav1.Time)
				q.note(o.SinceTime.UnmarshalQueryParameter(at))
			}
			if stream := q.string("stream"); stream != "" {
				o.Stream = &stream
			}
		}),
	} {
		if add != nil {
			return add
		}
	}
	return nil
}

// fromQuery registers how an options type is read.
func fromQuery[T any](s *runtime.Scheme, read func(*query, *T)) error {
	return s.AddConversionFunc((*url.Values)(nil), (*T)(nil), func(from, to any, _ conversion.Scope) error {
		q := &query{values: *from.(*url.Values)}
		read(q, to.(*T))
		return q.err
	})
}

// query reads parameters and keeps the first error.
type query struct {
	values url.Values
	err    error
}

func (q *query) note(err error) {
	if q.err == nil {
		q.err = err
	}
}

func (q *query) string(name string) string { return q.values.Get(name) }

// bool is true for a parameter that is there, unless it says "false" or "0", as everywhere in the API.
func (q *query) bool(name string) bool {
	v, there := q.values[name]
	return there && (len(v) == 0 || (v[0] != "false" && v[0] != "0"))
}

func (q *query) number(text string, bits int) int64 {
	n, err := strconv.ParseInt(text, 10, bits)
	q.note(err)
	return n
}

// numberOf is nil for a parameter that is not there.
func (q *query) numberOf(name string) *int64 {
	if text := q.string(name); text != "" {
		n := q.number(text, 64)
		return &n
	}
	return nil
}

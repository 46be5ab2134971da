package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

// containerLogs answers with what a container wrote.
func (s *Server) containerLogs(w http.ResponseWriter, r *http.Request) {
	options, previous, err := logOptions(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod, err := s.pod(r)
	if err != nil {
		refuse(w, err)
		return
	}
	id, err := logContainer(pod, r.PathValue("container"), previous)
	if err != nil {
		refuse(w, err)
		return
	}
	status, err := s.o.Runtime.ContainerStatus(r.Context(), id, false)
	if err != nil {
		refuse(w, fmt.Errorf("unable to retrieve container logs for %s: %w", id, err))
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	flush := http.NewResponseController(w)
	reader := &logReader{
		path: status.GetStatus().GetLogPath(), options: *options, out: w,
		flush: func() { _ = flush.Flush() }, // who can't be flushed to gets it later
		alive: func(ctx context.Context) bool { return s.alive(ctx, id) },
	}
	if err := reader.read(r.Context()); err != nil && r.Context().Err() == nil {
		klog.FromContext(r.Context()).Error(err, "Log not read", "pod", klog.KObj(pod), "container", id)
		if !reader.wrote {
			refuse(w, err)
		}
	}
}

// alive says whether a container may write more.
func (s *Server) alive(ctx context.Context, id string) bool {
	status, err := s.o.Runtime.ContainerStatus(ctx, id, false)
	if err != nil {
		return false
	}
	state := status.GetStatus().GetState()
	return state == runtimeapi.ContainerState_CONTAINER_RUNNING || state == runtimeapi.ContainerState_CONTAINER_CREATED
}

// readOptions say what of a log is wanted.
type readOptions struct {
	follow, timestamps bool
	since              time.Time
	tail               int64 // lines; -1: all
	limit              int64 // bytes; -1: all
}

// logOptions reads a query.
func logOptions(query url.Values, now time.Time) (o *readOptions, previous bool, err error) {
	o = &readOptions{tail: -1, limit: -1}
	for name, into := range map[string]*bool{"follow": &o.follow, "timestamps": &o.timestamps, "previous": &previous} {
		if text := query.Get(name); text != "" {
			if *into, err = strconv.ParseBool(text); err != nil {
				return nil, false, fmt.Errorf("invalid %s: %q", name, text)
			}
		}
	}
	number := func(name string, least int64, use func(int64)) {
		text := query.Get(name)
		if text == "" || err != nil {
			return
		}
		n, parseErr := strconv.ParseInt(text, 10, 64)
		if parseErr != nil || n < least {
			err = fmt.Errorf("invalid %s: %q", name, text)
			return
		}
		use(n)
	}
	number("tailLines", 0, func(n int64) { o.tail = n })
	number("limitBytes", 1, func(n int64) { o.limit = n })
	number("sinceSeconds", 1, func(n int64) { o.since = now.Add(-time.Duration(n) * time.Second) })
	if text := query.Get("sinceTime"); text != "" && err == nil {
		if !o.since.IsZero() {
			return nil, false, fmt.Errorf("at most one of sinceTime or sinceSeconds may be specified")
		}
		if o.since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, false, fmt.Errorf("invalid sinceTime: %q", text)
		}
	}
	return o, previous, err
}

// logContainer is the ID of the container whose log is meant by a name: the one that runs or ran last, or the one before.
func logContainer(pod *v1.Pod, name string, previous bool) (string, error) {
	status := containerStatus(pod, name)
	if status == nil {
		return "", problemf(http.StatusBadRequest, "container %q in pod %q is not available", name, pod.Name)
	}
	last := ""
	if t := status.LastTerminationState.Terminated; t != nil {
		last = t.ContainerID
	}
	id := ""
	switch {
	case previous:
		if id = last; id == "" {
			return "", problemf(http.StatusBadRequest, "previous terminated container %q in pod %q not found", name, pod.Name)
		}
	case status.State.Running != nil:
		id = status.ContainerID
	case status.State.Terminated != nil && status.State.Terminated.ContainerID != "":
		id = status.State.Terminated.ContainerID
	case last != "":
		id = last
	case status.State.Waiting != nil:
		reason := status.State.Waiting.Reason
		switch reason {
		case "ErrImagePull":
			reason = "image can't be pulled"
		case "ImagePullBackOff":
			reason = "trying and failing to pull image"
		}
		return "", problemf(http.StatusBadRequest, "container %q in pod %q is waiting to start: %s", name, pod.Name, reason)
	}
	if _, bare, ok := strings.Cut(id, "://"); ok {
		id = bare
	}
	if id == "" {
		return "", problemf(http.StatusBadRequest, "container %q in pod %q is not available", name, pod.Name)
	}
	return id, nil
}

// containerStatus is that of a container of any kind.
func containerStatus(pod *v1.Pod, name string) *v1.ContainerStatus {
	for _, all := range [][]v1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
	}
	return nil
}

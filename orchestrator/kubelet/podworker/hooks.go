package podworker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// maxHookAnswer is how much of an HTTP hook's answer is read.
const maxHookAnswer = 10 << 10

// hook runs a lifecycle hook of a container, until ctx ends.
func (w *worker) hook(ctx context.Context, pod *v1.Pod, spec *v1.Container, id string, h *v1.LifecycleHandler, ips []string) error {
	switch {
	case h.Exec != nil:
		var timeout time.Duration // none
		if deadline, has := ctx.Deadline(); has {
			timeout = time.Until(deadline)
		}
		if _, _, err := w.m.o.Runtime.ExecSync(ctx, id, h.Exec.Command, timeout); err != nil {
			return fmt.Errorf("exec %q: %w", h.Exec.Command, err)
		}
		return nil
	case h.HTTPGet != nil:
		return httpHook(ctx, pod, spec, h.HTTPGet, ips)
	case h.Sleep != nil:
		timer := w.m.o.Clock.NewTimer(time.Duration(h.Sleep.Seconds) * time.Second)
		defer timer.Stop()
		select {
		case <-ctx.Done(): // the grace period is over, or is another now
			return nil
		case <-timer.C():
			return nil
		}
	}
	return errors.New("a hook is one of exec, httpGet and sleep")
}

func httpHook(ctx context.Context, pod *v1.Pod, spec *v1.Container, h *v1.HTTPGetAction, ips []string) error {
	host := h.Host
	if host == "" {
		if len(ips) == 0 {
			return errors.New("httpGet: the pod has no address")
		}
		host = ips[0]
	}
	port, err := portOf(spec, h.Port)
	if err != nil {
		return err
	}
	scheme := strings.ToLower(string(h.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	url := scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/" + strings.TrimPrefix(h.Path, "/")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("httpGet: %w", err)
	}
	request.Header.Set("User-Agent", "kube-lifecycle/"+pod.Name)
	for _, header := range h.HTTPHeaders {
		if http.CanonicalHeaderKey(header.Name) == "Host" {
			request.Host = header.Value
		} else {
			request.Header.Add(header.Name, header.Value)
		}
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as documented: a pod's own certificate proves nothing to its kubelet
	}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("httpGet: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxHookAnswer) // its end is of no interest
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("httpGet %s: %s", url, answer.Status)
	}
	return nil
}

func portOf(spec *v1.Container, port intstr.IntOrString) (int, error) {
	if port.Type == intstr.Int {
		return port.IntValue(), nil
	}
	for _, p := range spec.Ports {
		if p.Name == port.StrVal {
			return int(p.ContainerPort), nil
		}
	}
	if n, err := strconv.Atoi(port.StrVal); err == nil {
		return n, nil
	}
	return 0, fmt.Errorf("container %s has no port %q", spec.Name, port.StrVal)
}

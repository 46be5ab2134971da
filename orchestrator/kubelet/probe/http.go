package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-base/version"
)

// userAgent is by what servers know a probe.
var userAgent = func() string {
	v := version.Get()
	if v.Major == "" {
		return "kube-probe/unknown"
	}
	return "kube-probe/" + v.Major + "." + v.Minor
}()

// mostRedirects is how often a probe goes where a server sends it.
const mostRedirects = 10

// httpGet asks by HTTP. A certificate is not looked at. A redirect to another host is as good as an answer; what that host says is not
// the container's health.
func (w *worker) httpGet(ctx context.Context, h *v1.HTTPGetAction, host string, port int) (answer, string, error) {
	request, err := httpRequest(ctx, h, host, port)
	if err != nil {
		return none, "", err
	}
	client := &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the question is whether it answers, not who
		},
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if to.URL.Hostname() != via[0].URL.Hostname() {
				return http.ErrUseLastResponse
			}
			if len(via) >= mostRedirects {
				return errors.New("stopped after 10 redirects")
			}
			return nil
		},
	}
	response, err := client.Do(request)
	if err != nil {
		return bad, err.Error(), nil
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, mostOutput)); err != nil {
		return bad, err.Error(), nil
	}
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusBadRequest {
		return bad, fmt.Sprintf("HTTP probe failed with statuscode: %d", response.StatusCode), nil
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		w.event("ProbeWarning", fmt.Sprintf("%s probe warning: Probe terminated redirects", w.kind))
	}
	return good, "", nil
}

// httpRequest is what a probe asks.
func httpRequest(ctx context.Context, h *v1.HTTPGetAction, host string, port int) (*http.Request, error) {
	at, err := url.Parse(h.Path)
	if err != nil {
		at = &url.URL{Path: h.Path} // as it is written
	}
	at.Scheme = "http"
	if h.Scheme != "" {
		at.Scheme = strings.ToLower(string(h.Scheme))
	}
	at.Host = net.JoinHostPort(host, strconv.Itoa(port))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, header := range h.HTTPHeaders {
		if http.CanonicalHeaderKey(header.Name) == "Host" {
			request.Host = header.Value
		}
		request.Header.Add(header.Name, header.Value)
	}
	defaults(request.Header, "User-Agent", userAgent)
	defaults(request.Header, "Accept", "*/*")
	return request, nil
}

// defaults sets a header that isn't there. One that is there but empty is not to be sent.
func defaults(h http.Header, name, value string) {
	switch values, ok := h[name]; {
	case !ok:
		h.Set(name, value)
	case len(values) == 1 && values[0] == "" && name != "User-Agent": // net/http sends no empty User-Agent, but its own where there is none
		h.Del(name)
	}
}

package httpapi

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/websocket"
)

// access decides which requests reach the client port's handlers: by host name
// without TLS (--host-whitelist), and by the origin of the page that sent them
// (--cors).
type access struct {
	next    http.Handler
	hosts   allowList
	origins allowList
	// certificateUser reports whether a user could come from a client's
	// certificate, which the gateway cannot honor.
	certificateUser func() bool
	logger          *slog.Logger
}

// ServeHTTP makes the checks in etcd's order.
func (a *access) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, found := strings.CutPrefix(r.URL.Path, "/v3beta/"); found { // the name up to 3.4
		r.URL.Path = "/v3/" + rest
	}
	if r.TLS == nil {
		if host := hostname(r); !a.hosts.has(host) {
			a.logger.Warn("rejecting HTTP request to prevent DNS rebinding attacks", "host", host)
			http.Error(w, unknownHost(host), http.StatusMisdirectedRequest)
			return
		}
	} else if strings.HasPrefix(r.URL.Path, "/v3/") && a.certificateUser() && hasCommonName(r) {
		http.Error(w, "CommonName of client sending a request against gateway will be ignored and not used as expected", http.StatusBadRequest)
		return
	}
	origin := r.Header.Get("Origin")
	switch {
	case a.origins.any():
		allowOrigin(w, anyOrigin...)
	case a.origins.has(origin):
		allowOrigin(w, origin)
	case changes(r) && origin != "" && !sameOrigin(r, origin):
		http.Error(w, fmt.Sprintf("origin %q is not allowed (--cors)", origin), http.StatusForbidden)
		return
	}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusOK)
		return
	}
	a.next.ServeHTTP(w, r)
}

// changes says whether a request does something, or opens a way to. A browser
// sends such a request for any page without asking first, if it looks like a
// form's, and keeps only the answer from the page.
func changes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return websocket.IsWebSocketUpgrade(r)
	case http.MethodOptions:
		return false
	}
	return true
}

// sameOrigin says whether a page came from the host that it now asks.
func sameOrigin(r *http.Request, origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// hasCommonName says whether the client's verified certificate names a user.
func hasCommonName(r *http.Request) bool {
	for _, chain := range r.TLS.VerifiedChains {
		if len(chain) > 0 && chain[0].Subject.CommonName != "" {
			return true
		}
	}
	return false
}

// What pages may do is in nearly every answer, so its headers share their values. Each has no room to append to.
var (
	allowedMethods = []string{"POST, GET, OPTIONS, PUT, DELETE"}
	allowedHeaders = []string{"accept, content-type, authorization"}
	anyOrigin      = []string{"*"}
)

// allowOrigin tells the browser that pages of origin may read the answer.
func allowOrigin(w http.ResponseWriter, origin ...string) {
	h := w.Header()
	h["Access-Control-Allow-Methods"] = allowedMethods
	h["Access-Control-Allow-Origin"] = origin
	h["Access-Control-Allow-Headers"] = allowedHeaders
}

// hostname is the host that a request names, without its port.
func hostname(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		return r.Host
	}
	return host
}

// unknownHost is etcd's explanation, line by line.
func unknownHost(host string) string {
	return fmt.Sprintf(`
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist %q

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`, host)
}

// allowList is a set of names; empty, or with "*" in it, it has any name.
type allowList map[string]bool

// newAllowList makes the set of a flag's values.
func newAllowList(names []string) allowList {
	l := allowList{}
	for _, name := range names {
		l[name] = true
	}
	return l
}

// any says whether every name is in.
func (l allowList) any() bool { return len(l) == 0 || l["*"] }

// has says whether one name is in.
func (l allowList) has(name string) bool { return l.any() || l[name] }

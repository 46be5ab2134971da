package server

import (
	"fmt"
	"net/http"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/klog/v2"
)

// guard lets a request pass if it is known whose it is and if he may.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := s.authenticate(r)
		if !ok {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		r.Header.Del("Authorization") // not for the runtime
		if s.authorize(w, r, who) {
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) authenticate(r *http.Request) (user.Info, bool) {
	if s.o.Authenticator == nil {
		return &user.DefaultInfo{Name: user.Anonymous, Groups: []string{user.AllUnauthenticated}}, true
	}
	found, ok, err := s.o.Authenticator.AuthenticateRequest(r)
	if err != nil {
		klog.FromContext(r.Context()).Error(err, "Unable to authenticate the request due to an error")
	}
	if err != nil || !ok {
		return nil, false
	}
	return found.User, true
}

// authorize asks whether a user may, by the narrow name of what he wants and then by the wide one that older roles have.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, who user.Info) bool {
	if s.o.Authorizer == nil {
		return true
	}
	verb, names := verbOf(r), subresources(r.URL.Path)
	for _, name := range names {
		decision, _, err := s.o.Authorizer.Authorize(r.Context(), &authorizer.AttributesRecord{
			User: who, Verb: verb, APIVersion: "v1", Resource: "nodes", Subresource: name, Name: s.o.NodeName, ResourceRequest: true, Path: r.URL.Path,
		})
		if err != nil {
			text := fmt.Sprintf("Authorization error (user=%s, verb=%s, resource=nodes, subresource(s)=%v)", who.GetName(), verb, names)
			klog.FromContext(r.Context()).Error(err, text)
			http.Error(w, text, http.StatusInternalServerError)
			return false
		}
		if decision == authorizer.DecisionAllow {
			return true
		}
	}
	http.Error(w, fmt.Sprintf("Forbidden (user=%s, verb=%s, resource=nodes, subresource(s)=%v)", who.GetName(), verb, names), http.StatusForbidden)
	return false
}

// verbOf is what a request does to the node. To get into a container is to create, also where it begins with a GET.
func verbOf(r *http.Request) string {
	for _, way := range []string{"/exec", "/attach", "/portForward", "/run"} {
		if isBelow(r.URL.Path, way) {
			return "create"
		}
	}
	switch r.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	}
	return "get"
}

// subresources are the names by which a path may be allowed.
func subresources(path string) []string {
	switch {
	case isBelow(path, "/stats"):
		return []string{"stats"}
	case isBelow(path, "/metrics"):
		return []string{"metrics"}
	case isBelow(path, "/logs"):
		return []string{"log"}
	case isBelow(path, "/pods"):
		return []string{"pods", "proxy"}
	case isBelow(path, "/healthz"):
		return []string{"healthz", "proxy"}
	}
	return []string{"proxy"}
}

// isBelow says whether a path is another or one below it.
func isBelow(path, other string) bool { return path == other || strings.HasPrefix(path, other+"/") }

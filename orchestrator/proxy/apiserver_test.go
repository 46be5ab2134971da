package proxy_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/petcd/petcd/orchestrator/proxy/netlab"
)

// apiserver is as much of one as the proxy asks for: lists and watches, in a namespace of a lab.
type apiserver struct {
	*httptest.Server

	mu      sync.Mutex
	objects map[string]map[string]json.RawMessage // by path and name
	events  []event                               // the n-th made version n+1
	changed chan struct{}                         // closed by the next event
}

type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
	path   string
}

// The paths of what the proxy asks for, and the kinds that are there.
var kinds = map[string]string{
	"/api/v1/services": "v1 Service", "/api/v1/nodes": "v1 Node", "/apis/discovery.k8s.io/v1/endpointslices": "discovery.k8s.io/v1 EndpointSlice",
}

func newAPIServer(t *testing.T, in *netlab.Namespace) *apiserver {
	s := &apiserver{objects: map[string]map[string]json.RawMessage{}, changed: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(s)
	require.NoError(t, in.Do(func() (err error) {
		s.Listener.Close()
		s.Listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}))
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// put makes or changes an object.
func (s *apiserver) put(t *testing.T, path string, object runtime.Object) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := meta.Accessor(object)
	require.NoError(t, err)
	m.SetResourceVersion(strconv.Itoa(len(s.events) + 1))
	key, kind := m.GetNamespace()+"/"+m.GetName(), "ADDED"
	if s.objects[path][key] != nil {
		kind = "MODIFIED"
	}
	if s.objects[path] == nil {
		s.objects[path] = map[string]json.RawMessage{}
	}
	version, name, _ := strings.Cut(kinds[path], " ")
	object = object.DeepCopyObject()
	text, err := json.Marshal(object)
	require.NoError(t, err)
	text = []byte(fmt.Sprintf(`{"apiVersion":%q,"kind":%q,`, version, name) + strings.TrimPrefix(string(text), "{"))
	s.objects[path][key] = text
	s.tell(event{Type: kind, Object: text, path: path})
}

// remove deletes an object.
func (s *apiserver) remove(path, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.objects[path][namespace+"/"+name]
	delete(s.objects[path], namespace+"/"+name)
	s.tell(event{Type: "DELETED", Object: text, path: path})
}

// putService makes or changes a Service with its slices.
func (s *apiserver) putService(t *testing.T, of *service) {
	t.Helper()
	s.put(t, "/api/v1/services", &of.Service)
	for i, slice := range of.slices {
		slice.Namespace, slice.Name = of.Namespace, fmt.Sprintf("%s-%d", of.Name, i)
		slice.Labels = map[string]string{"kubernetes.io/service-name": of.Name}
		s.put(t, "/apis/discovery.k8s.io/v1/endpointslices", slice)
	}
}

func (s *apiserver) tell(e event) {
	s.events = append(s.events, e)
	close(s.changed)
	s.changed = make(chan struct{})
}

// ServeHTTP implements http.Handler.
func (s *apiserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	at := path.Clean(r.URL.Path)
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
		return
	}
	if r.URL.Query().Get("watch") != "" {
		s.watch(w, r, at)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []json.RawMessage{}
	for _, text := range s.objects[at] {
		items = append(items, text)
	}
	version, name, _ := strings.Cut(kinds[at], " ")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": version, "kind": name + "List", "metadata": map[string]any{"resourceVersion": strconv.Itoa(len(s.events))}, "items": items,
	})
}

func (s *apiserver) watch(w http.ResponseWriter, r *http.Request, at string) {
	next, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	for {
		s.mu.Lock()
		events, changed := s.events[next:], s.changed
		next = len(s.events)
		s.mu.Unlock()
		for _, e := range events {
			if e.path == at {
				_ = json.NewEncoder(w).Encode(e)
			}
		}
		w.(http.Flusher).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

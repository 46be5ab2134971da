package apiserver

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/tools/cache"
)

// customGroups shows the groups of custom resources among all others at /apis. Clients of today ask for discovery in its aggregated
// form, which has them anyway; older ones, and those in other languages, ask here.
type customGroups struct {
	main  *genericapiserver.GenericAPIServer
	taken func(group string) bool // by kinds of the main server, which no definition takes away

	mu    sync.Mutex
	kinds map[string]*apiextensionsv1.CustomResourceDefinition // by name
	shown map[string]bool
}

// listGroups keeps the main server's list of groups.
func (c *customResources) listGroups(main *genericapiserver.GenericAPIServer, taken func(group string) bool) error {
	definitions := metav1.GroupVersionForDiscovery{GroupVersion: apiextensionsv1.SchemeGroupVersion.String(), Version: apiextensionsv1.SchemeGroupVersion.Version}
	main.DiscoveryGroupManager.AddGroup(metav1.APIGroup{
		Name: apiextensionsv1.GroupName, Versions: []metav1.GroupVersionForDiscovery{definitions}, PreferredVersion: definitions,
	})
	g := &customGroups{main: main, taken: taken, kinds: map[string]*apiextensionsv1.CustomResourceDefinition{}, shown: map[string]bool{}}
	_, err := c.server.Informers.Apiextensions().V1().CustomResourceDefinitions().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { g.note(obj, false) },
		UpdateFunc: func(_, obj any) { g.note(obj, false) },
		DeleteFunc: func(obj any) { g.note(obj, true) },
	})
	return err
}

// note takes in that a definition is there, changed, or gone.
func (g *customGroups) note(obj any, gone bool) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	crd, ok := obj.(*apiextensionsv1.CustomResourceDefinition)
	if !ok || g.taken(crd.Spec.Group) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if gone || !apihelpers.IsCRDConditionTrue(crd, apiextensionsv1.Established) {
		delete(g.kinds, crd.Name)
	} else {
		g.kinds[crd.Name] = crd
	}
	g.show(crd.Spec.Group)
}

// show makes the list say of a group what its definitions say.
func (g *customGroups) show(group string) {
	served := map[string]bool{}
	for _, crd := range g.kinds {
		for _, v := range crd.Spec.Versions {
			if crd.Spec.Group == group && v.Served {
				served[v.Name] = true
			}
		}
	}
	if len(served) == 0 {
		if g.shown[group] {
			g.main.DiscoveryGroupManager.RemoveGroup(group)
			delete(g.shown, group)
		}
		return
	}
	names := slices.SortedFunc(maps.Keys(served), func(a, b string) int { return version.CompareKubeAwareVersionStrings(b, a) })
	api := metav1.APIGroup{Name: group}
	for _, name := range names {
		api.Versions = append(api.Versions, metav1.GroupVersionForDiscovery{GroupVersion: group + "/" + name, Version: name})
	}
	api.PreferredVersion = api.Versions[0]
	g.main.DiscoveryGroupManager.AddGroup(api)
	g.shown[group] = true
}

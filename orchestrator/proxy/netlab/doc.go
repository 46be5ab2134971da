// Package netlab gives tests network namespaces with real connections between them: a node, pods on its bridge, a pod on another node, and a
// client outside the cluster. Only tests import it.
//
// Read Lab first, then Namespace.Do. A namespace has no name: the file descriptors of this process are all that holds it, so that nothing
// is left when a test ends, however it ends. The machine's own namespace isn't touched.
package netlab

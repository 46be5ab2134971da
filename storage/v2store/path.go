package v2store

import (
	"path"
	"strings"
)

// clean makes a path absolute, without empty names, "." and "..".
func clean(p string) string {
	if strings.HasPrefix(p, "/") {
		return path.Clean(p)
	}
	return path.Clean("/" + p)
}

// parent is the path of the directory that a clean path lies in.
func parent(p string) string {
	return p[:max(1, strings.LastIndexByte(p, '/'))]
}

// hidden tells whether directories are listed without this node: its name
// begins with "_".
func hidden(p string) bool {
	name := p[strings.LastIndexByte(p, '/')+1:]
	return strings.HasPrefix(name, "_")
}

// under tells whether p lies in the directory dir, at any depth.
func under(p, dir string) bool {
	if dir == "/" {
		return p != "/"
	}
	return len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

// hiddenUnder tells whether a node or a directory between dir and p, which lies
// under it, is hidden.
func hiddenUnder(p, dir string) bool {
	return strings.Contains(p[len(strings.TrimSuffix(dir, "/")):], "/_")
}

// roots are the namespaces that always exist.
var roots = []string{"/0", "/1"}

// isRoot tells whether a path is one that requests cannot change.
func isRoot(p string) bool { return p == "/" || p == "/0" || p == "/1" }

package v2auth

import "strings"

// allows tells whether a role may read or write a key. With recursive it asks for all that is below the key, too, which
// only a pattern that ends in "*" grants. The key is compared as the request has it: "/a/*" is not enough for "/a" and
// what is below it. A pattern without a character, which etcd fails on, grants nothing.
func (r *Role) allows(key string, recursive, write bool) bool {
	if r.Role == Root {
		return true
	}
	patterns := r.Permissions.KV.Read
	if write {
		patterns = r.Permissions.KV.Write
	}
	for _, pattern := range patterns {
		beginning, open := strings.CutSuffix(pattern, "*")
		if open && strings.HasPrefix(key, beginning) || !open && !recursive && pattern != "" && key == pattern {
			return true
		}
	}
	return false
}

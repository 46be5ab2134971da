package v2

import (
	"strings"
	"testing"
)

// FuzzCheck looks for a call that the parser, or what puts arguments in order
// for it, cannot take. A flag keeps its place before all other words.
func FuzzCheck(f *testing.F) {
	for _, line := range []string{
		"set key --ttl 5 value", "-o json ls -r -p /", "watch -f -- key", "member add name http://127.0.0.1:1",
		"exec-watch key -- sh -c true", "user grant name --roles=a,b", "help get", "-- get", "--endpoints", "get -h",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Fields(line)
		if len(line) > 100 || len(args) > 12 {
			t.Skip("longer lines take time and tell nothing new")
		}
		before := Check(args)
		arranged := arrange((&ctl{}).app(), args)
		if after := Check(arranged); (before == nil) != (after == nil) {
			t.Errorf("%q: %v, but %q: %v", args, before, arranged, after)
		}
	})
}

package v2

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFlagsMayStandAnywhere(t *testing.T) {
	for line, want := range map[string]string{
		"get key":                                "get -- key",
		"get key -q":                             "get -q -- key",
		"-o json get key --sort -q":              "-o json get --sort -q -- key",
		"--debug -o=json get key":                "--debug -o=json get -- key",
		"set a --ttl 5 b":                        "set --ttl 5 -- a b",
		"set a --ttl=5 b":                        "set --ttl=5 -- a b",
		"set --ttl 5 -- a -b":                    "set --ttl 5 -- a -b",
		"set a -- -b":                            "set -- a -b",
		"set a -5":                               "set -- a -5",
		"set a -":                                "set -- a -",
		"set a --bogus":                          "set -- a --bogus", // a value
		"set --bogus a":                          "set --bogus -- a",
		"set a b --bogus":                        "set --bogus -- a b",
		"get a --prefix":                         "get --prefix -- a",
		"watch -f key -r --after-index 3":        "watch -f -r --after-index 3 -- key",
		"exec-watch key -r -- sh -c x":           "exec-watch -r -- key sh -c x",
		"set a b --ttl":                          "set --ttl",
		"member add --bogus name http://a":       "member add --bogus -- name http://a",
		"member add name --peer-urls http://a":   "member add --peer-urls -- name http://a",
		"exec-watch -r key ls -l -r":             "exec-watch -r -r -- key ls -l",
		"member list a --bogus":                  "member list --bogus -- a",
		"user list a --bogus":                    "user list --bogus -- a",
		"member bogus --flag":                    "member bogus --flag",
		"bogus --flag a":                         "bogus --flag a",
		"--endpoints":                            "--endpoints",
		"--endpoints http://a -u root:pw ls -rp": "--endpoints http://a -u root:pw ls -rp --",
		"":                                       "",
	} {
		c := &ctl{}
		require.Equal(t, strings.Fields(want), arrange(c.app(), strings.Fields(line)), line)
	}
}

package clustertest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestKubectl runs the scripted sessions of a stock kubectl in testdata/kubectl, each in a namespace of its own. Those of streams run
// twice: kubectl's streams go by WebSockets, and once more by SPDY.
func TestKubectl(t *testing.T) {
	path := kubectl(t)
	c, _, _ := start(t, Options{}, "node1", "node2", "node3")
	var session atomic.Int64
	sessions := testscript.Params{
		Dir: filepath.Join("testdata", "kubectl"),
		Setup: func(e *testscript.Env) error {
			useStreams(e, "WebSockets")
			namespace := fmt.Sprintf("session-%d", session.Add(1))
			e.Setenv("NS", namespace)
			e.Setenv("PATH", filepath.Dir(path)+string(os.PathListSeparator)+os.Getenv("PATH"))
			e.Setenv("HOME", e.WorkDir)
			kubeconfig := filepath.Join(e.WorkDir, "kubeconfig")
			text, err := os.ReadFile(c.Kubeconfig)
			if err != nil {
				return err
			}
			e.Setenv("KUBECONFIG", kubeconfig)
			text = []byte(strings.Replace(string(text), "    user: admin\n", "    user: admin\n    namespace: "+namespace+"\n", 1))
			return os.WriteFile(kubeconfig, text, 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"eventually": eventually},
		Condition: func(cond string) (bool, error) {
			minor, err := strconv.Atoi(strings.TrimPrefix(cond, "kubectl:"))
			return err == nil && minorOf(t, path) >= minor, err
		},
	}
	testscript.Run(t, sessions)
	t.Run("spdy", func(t *testing.T) {
		again := sessions
		again.Dir, again.Files = "", []string{filepath.Join("testdata", "kubectl", "streams.txt")}
		again.Setup = func(e *testscript.Env) error {
			err := sessions.Setup(e)
			useStreams(e, "SPDY")
			return err
		}
		testscript.Run(t, again)
	})
}

// minorOf is the minor version of a kubectl, for conditions such as [kubectl:28]. Debian's is of 2021: it knows neither events nor whoami,
// and asks for kinds in versions that nobody serves any more.
func minorOf(t *testing.T, path string) int {
	t.Helper()
	out, err := exec.Command(path, "version", "--client", "-o", "json").Output()
	require.NoError(t, err)
	var version struct {
		ClientVersion struct{ Minor string }
	}
	require.NoError(t, json.Unmarshal(out, &version))
	minor, err := strconv.Atoi(strings.TrimRight(version.ClientVersion.Minor, "+"))
	require.NoError(t, err)
	return minor
}

// useStreams chooses what kubectl's streams go by, and tells the script with which verb they then begin.
func useStreams(e *testscript.Env, way string) {
	webSockets, verb, other := "true", "GET", "POST"
	if way == "SPDY" {
		webSockets, verb, other = "false", other, verb
	}
	e.Setenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", webSockets)
	e.Setenv("KUBECTL_PORT_FORWARD_WEBSOCKETS", webSockets)
	e.Setenv("WAY", way)
	e.Setenv("VERB", verb)
	e.Setenv("OTHER", other)
}

// eventually runs a command until its output matches: eventually 'regexp' command arguments…; with seconds before the regexp, so long.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	patience := 60 * time.Second
	if len(args) > 0 {
		if n, err := strconv.Atoi(args[0]); err == nil {
			patience, args = time.Duration(n)*time.Second, args[1:]
		}
	}
	if len(args) < 2 {
		ts.Fatalf("usage: eventually [seconds] 'regexp' command [argument...]")
	}
	pattern := compile(ts, args[0])
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if pattern.MatchString(out) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no match of %q in %v (%v):\n%s", args[0], patience, err, out)
		}
	}
}

// compile is the regexp of a script, in which ^ and $ are the ends of lines.
func compile(ts *testscript.TestScript, text string) *regexp.Regexp {
	r, err := regexp.Compile("(?m)" + text)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	return r
}

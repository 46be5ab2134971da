package mixin

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/process"
)

// tools are what `make mixin` fetches.
type tools struct{ prometheus, promtool, rules string }

// fetched finds the tools, or skips the test.
func fetched(t *testing.T) tools {
	root, err := process.RepositoryRoot()
	require.NoError(t, err)
	dir := os.Getenv("PETCD_MIXIN_DIR")
	if dir == "" {
		dir = filepath.Join(root, "bin", "mixin")
	}
	p := tools{filepath.Join(dir, "prometheus"), filepath.Join(dir, "promtool"), filepath.Join(dir, "rules.json")}
	for _, file := range []string{p.prometheus, p.promtool, p.rules} {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("%s is not there; make mixin fetches it", file)
		}
	}
	return p
}

// ruleFile is Prometheus' form of rules.
type ruleFile struct {
	Groups []ruleGroup `json:"groups"`
}

type ruleGroup struct {
	Name     string `json:"name"`
	Interval string `json:"interval,omitempty"`
	Rules    []rule `json:"rules"`
}

type rule struct {
	Alert  string            `json:"alert"`
	Expr   string            `json:"expr"`
	For    string            `json:"for"`
	Labels map[string]string `json:"labels"`
}

// id tells two rules of one alert apart.
func (r rule) id() string { return r.Alert + "/" + r.Labels["severity"] }

// loadRules reads the mixin's rules.
func loadRules(t *testing.T, file string) ruleFile {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var f ruleFile
	require.NoError(t, json.Unmarshal(data, &f))
	require.Len(t, f.Groups, 1)
	require.GreaterOrEqual(t, len(f.Groups[0].Rules), 15)
	return f
}

var metricName = regexp.MustCompile(`\b(?:etcd|grpc)_[a-z_]+`)

// metricsOf lists the metrics that rules ask for.
func metricsOf(f ruleFile) map[string]bool {
	names := map[string]bool{}
	for _, r := range f.Groups[0].Rules {
		for _, name := range metricName.FindAllString(r.Expr, -1) {
			if name != "grpc_code" && name != "grpc_method" && name != "grpc_type" {
				names[name] = true
			}
		}
	}
	return names
}

// hurry is how much faster time passes for the live test.
const hurry = 60

var (
	window  = regexp.MustCompile(`\[(\d+[smh])(:\d+[smh])?\]`)
	horizon = regexp.MustCompile(`4\*60\*60`)
)

// hurried divides every duration of the rules by hurry; windows stay wide enough for the samples that a rate needs.
func hurried(t *testing.T, f ruleFile) ruleFile {
	shorter := func(text string, least time.Duration) string {
		d, err := time.ParseDuration(text)
		require.NoError(t, err)
		return strconv.FormatInt(max(d/hurry, least).Milliseconds(), 10) + "ms"
	}
	var rules []rule
	for _, r := range f.Groups[0].Rules {
		r.For = shorter(r.For, 0)
		r.Expr = window.ReplaceAllStringFunc(r.Expr, func(w string) string {
			m := window.FindStringSubmatch(w)
			if m[2] == "" {
				return fmt.Sprintf("[%s]", shorter(m[1], 4*time.Second))
			}
			return fmt.Sprintf("[%s:%s]", shorter(m[1], 4*time.Second), shorter(m[2][1:], 0))
		})
		r.Expr = horizon.ReplaceAllString(r.Expr, strconv.Itoa(4*60*60/hurry))
		rules = append(rules, r)
	}
	return ruleFile{Groups: []ruleGroup{{Name: f.Groups[0].Name, Interval: "1s", Rules: rules}}}
}

// writeJSON writes a file that Prometheus reads as YAML.
func writeJSON(t *testing.T, file string, v any) {
	data, err := json.MarshalIndent(v, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o644))
}

// promtoolRun runs promtool, which says on stderr what is wrong.
func promtoolRun(t *testing.T, p tools, args ...string) {
	out, err := exec.CommandContext(t.Context(), p.promtool, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestRulesAreValid(t *testing.T) {
	p := fetched(t)
	promtoolRun(t, p, "check", "rules", p.rules)
	fast := filepath.Join(t.TempDir(), "rules.json")
	writeJSON(t, fast, hurried(t, loadRules(t, p.rules)))
	promtoolRun(t, p, "check", "rules", fast)
}

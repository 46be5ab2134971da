package report

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/bench/measure"
)

// fixture is a report with everything a page may have to show: three targets, goals met, short and not measured, failures, a stall, and
// names that a browser could take for markup.
func fixture() *Report {
	r := &Report{Started: time.Date(2026, 11, 29, 22, 0, 0, 0, time.UTC), Command: []string{"bench", "compare", "--pairs", "3"}, Seed: 7,
		Machine: Machine{CPUs: 2, Model: "Some Processor", Kernel: "6.1.0", Go: "go1.26"}, Targets: []string{"petcd", "3.7.3", "3.4.23"}}
	speeds := map[string]float64{"petcd": 40_000, "3.7.3": 14_000, "3.4.23": 17_000}
	put := Row{Name: "put 100/1000", Members: 1, Unit: "put",
		Parameters: map[string]string{"clients": "1000", "value": "256B <random>"},
		Goals:      []Goal{{Figure: PerSecond, Least: 2.5}, {Figure: CPU, Most: .2}, {Figure: Written, Most: .5}}}
	for turn := range 3 {
		for _, name := range r.Targets {
			v := speeds[name] * (1 + .05*float64(turn))
			run := Run{Target: name, Version: name + "-v", Pair: turn}
			run.Set(PerSecond, v)
			run.Set(CPU, .35/v)
			run.Set(RSS, 100<<20)
			run.SetLatency(slow(1000/v), overTime(1000/v, 30))
			put.Runs = append(put.Runs, run)
		}
	}
	store := Row{Name: "large store", Members: 1, Unit: "put",
		Goals: []Goal{{Figure: Load, Most: .5}, {Figure: Pause, Most: .1, Own: true}}}
	for _, name := range r.Targets {
		run := Run{Target: name, Version: name + "-v"}
		run.SetTime(Load, time.Duration(1e6/speeds[name])*time.Second)
		run.SetTime(Pause, 30*time.Millisecond)
		for _, kind := range []string{"count, newest revision", "page, newest revision", "put, while defragmenting"} {
			run.AddLatency(kind, slow(.02), nil)
		}
		store.Runs = append(store.Runs, run)
	}
	store.Runs[1].Errors = map[string]int64{"<b>no space</b>": 3}
	free := Row{Name: "Kubernetes traffic", Members: 3, Unit: "operation",
		Runs: []Run{{Target: "petcd", Figures: map[Figure]float64{Cores: .3}}}}
	r.Rows = []Row{put, store, free}
	return r
}

// slow is a distribution around so many seconds with a long tail.
func slow(typical float64) measure.Percentiles {
	l := measure.NewLatencies()
	for i := range 20_000 {
		tail := 1 + 40/float64(1+i)
		l.Recorder().Record(time.Duration(typical * tail * (1 + float64(i%100)/200) * float64(time.Second)))
	}
	return l.Percentiles()
}

// overTime is so many seconds of it, one of them a stall and one without an operation.
func overTime(typical float64, length int) []measure.Second {
	var out []measure.Second
	for i := range length {
		d := time.Duration(typical * (1 + .1*float64(i%4)) * float64(time.Second))
		s := measure.Second{Count: 1000, P50: d, P99: 2 * d, Max: 3 * d}
		switch i {
		case 12:
			s.P99 *= 8
		case 13:
			s = measure.Second{}
		}
		out = append(out, s)
	}
	return out
}

// TestPageIsSelfContained: one file without scripts, which refers to nothing outside and takes no name for markup.
func TestPageIsSelfContained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.html")
	require.NoError(t, fixture().WritePage(path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	page := string(text)
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "http://")
	require.NotContains(t, page, "https://")
	require.NotRegexp(t, `(src|href)="[^#]`, page)
	require.NotContains(t, page, "<b>no space")
	require.Contains(t, page, "&lt;b&gt;no space")
	require.NotContains(t, page, "NaN")
	require.NotContains(t, page, "Inf")
}

// seen is what a browser made of the page at one width.
type seen struct {
	Text     string // as a person reads it
	Overflow int    // pixels that do not fit the width
	Paper    string // the background's color
	Lines    int    // of charts, with a length
	Dots     int    // of goals
	Requests int    // beyond the page itself
}

// probe shows the page at two widths and writes down what is there.
const probe = `<!doctype html>
<iframe id=a src=/page width=1100 height=900></iframe><iframe id=b src=/page width=375 height=900></iframe><pre id=out></pre>
<script>
addEventListener("load", () => {
  const look = f => {
    const w = f.contentWindow, d = f.contentDocument, shown = e => e.getClientRects().length > 0;
    return {Text: d.body.innerText, Overflow: d.documentElement.scrollWidth - w.innerWidth,
      Paper: w.getComputedStyle(d.body).backgroundColor,
      Lines: [...d.querySelectorAll("path.line")].filter(p => shown(p) && p.getTotalLength() > 50).length,
      Dots: [...d.querySelectorAll(".bullet circle")].filter(shown).length,
      Requests: w.performance.getEntriesByType("resource").length};
  };
  const found = [look(document.getElementById("a")), look(document.getElementById("b"))];
  document.getElementById("out").textContent = "FOUND" + btoa(unescape(encodeURIComponent(JSON.stringify(found)))) + "END";
});
</script>`

// browse opens the page in Chromium, in a light or dark scheme, and returns what is seen on a desk and on a phone.
func browse(t *testing.T, dark bool) (desk, phone seen) {
	t.Helper()
	chromium := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && chromium == "" {
			chromium = path
		}
	}
	if chromium == "" {
		t.Skip("no chromium on PATH: the page is not looked at in a browser")
	}
	var page strings.Builder
	require.NoError(t, fixture().page(&page))
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page.String()) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, probe) })
	server := httptest.NewServer(mux)
	defer server.Close()

	scheme := 1
	if dark {
		scheme = 0
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		fmt.Sprintf("--blink-settings=preferredColorScheme=%d", scheme), "--window-size=1600,1000", "--dump-dom", server.URL)
	out, err := cmd.Output()
	require.NoError(t, err)
	found := regexp.MustCompile(`FOUND([A-Za-z0-9+/=]+)END`).FindSubmatch(out)
	require.NotNil(t, found, "the browser wrote nothing down: %s", out)
	data, err := base64.StdEncoding.DecodeString(string(found[1]))
	require.NoError(t, err)
	var both []seen
	require.NoError(t, json.Unmarshal(data, &both))
	require.Len(t, both, 2)
	return both[0], both[1]
}

// TestPageInABrowser shows the verdicts, the figures of all targets and the curves, on a desk and on a phone.
func TestPageInABrowser(t *testing.T) {
	desk, phone := browse(t, false)
	for name, s := range map[string]seen{"desk": desk, "phone": phone} {
		for _, text := range []string{
			"petcd beside 3.7.3, 3.4.23", "of 5 goals met", "put 100/1000, 1 member", "Kubernetes traffic, 3 members",
			"42000", "14700", "2.86x", "≥ 2.5x", "short", "not measured", "<b>no space</b>", "256B <random>", "Some Processor", "--pairs 3",
		} {
			require.Contains(t, s.Text, text, name)
		}
		require.LessOrEqual(t, s.Overflow, 0, name)
		// Three targets by percentile of four kinds, and p50 and p99 over time, which is cut in two by a second without operations.
		require.Equal(t, 3*4+3*2, s.Lines, name)
		require.Zero(t, s.Requests, name)
		require.Equal(t, "rgb(251, 251, 250)", s.Paper, name)
	}
	require.Equal(t, 4, desk.Dots)
}

func TestPageIsDarkWhereThatIsPreferred(t *testing.T) {
	desk, _ := browse(t, true)
	require.Equal(t, "rgb(19, 21, 25)", desk.Paper)
}

// TestTicksAreRoundAndFew, whatever the range.
func TestTicksAreRoundAndFew(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{30e3, 400e3, "20 µs 50 µs 100 µs 200 µs 500 µs"},
		{30e3, 40e9, "100 µs 1 ms 10 ms 100 ms 1 s 10 s"},
		{1e6, 1e6, "1 ms 2 ms 5 ms 10 ms"},
	} {
		low, high := bounds([]series{{points: []point{{0, time.Duration(c.low), false}, {1, time.Duration(c.high), false}}}})
		var labels []string
		for _, t := range latencyTicks(low, high) {
			labels = append(labels, t.label)
		}
		require.Equal(t, c.want, strings.Join(labels, " "))
	}
	require.Empty(t, percentileChart(nil, 2))
}

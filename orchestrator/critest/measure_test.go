package critest

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

var measuring = flag.Bool("critest.measure", false, "measure the runtimes instead of testing them")

// How often a thing is measured, and how many pods there are at once.
const (
	measuredPods  = 12
	measuredExecs = 30
	podsAtOnce    = 20
	manyTimes     = 3
)

// measured is a runtime and what was measured of it.
type measured struct {
	suite *suite
	rows  []string // in the order in which they came
	of    map[string][]float64
}

func (f *measured) add(row string, value float64) {
	if f.of == nil {
		f.of = map[string][]float64{}
	}
	if _, there := f.of[row]; !there {
		f.rows = append(f.rows, row)
	}
	f.of[row] = append(f.of[row], value)
}

// since adds the milliseconds that have passed.
func (f *measured) since(row string, begun time.Time) {
	f.add(row+" (ms)", float64(time.Since(begun).Microseconds())/1000)
}

func (f *measured) median(row string) float64 {
	values := slices.Sorted(slices.Values(f.of[row]))
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// TestMeasure prints a table of the runtimes that are here. It asserts no timings: they are the machine's as much as the runtimes'.
func TestMeasure(t *testing.T) {
	if !*measuring {
		t.Skip("-critest.measure measures the runtimes")
	}
	sources := serveImages(t)
	var all []*measured
	if missing := missingForContainerd(); missing != "" {
		t.Log(missing)
	} else {
		dir := subfolder(t, "c")
		all = append(all, &measured{suite: newSuite(t, newContainerd(t, dir, containerdRange, sources.pause), sources, dir)})
	}
	dir := subfolder(t, "e")
	all = append(all, &measured{suite: newSuite(t, newEmbedded(t, dir, embeddedRange), sources, dir)})
	measure(t, all)
	printTable(t, os.Stdout, all)
}

// measure does the same with all, in turns: what else the machine does meanwhile then hits all alike.
func measure(t *testing.T, all []*measured) {
	inTurns := func(times int, do func(m *measured)) {
		for range times {
			for _, m := range all {
				do(m)
			}
		}
	}
	inTurns(1, func(m *measured) { m.suite.pod(t).end(t) }) // what is made for the first pod only
	inTurns(1, func(m *measured) { m.add("memory of the runtime, no pod (MB)", memory(t, m.suite.runtime.PID())) })
	inTurns(measuredPods, func(m *measured) { m.pod(t, "node's network", hostNetwork) })
	inTurns(measuredPods, func(m *measured) { m.pod(t, "own network", func(*runtimeapi.PodSandboxConfig) {}) })
	inTurns(1, func(m *measured) { m.execs(t) })
	inTurns(manyTimes, func(m *measured) { m.many(t) })
}

// pod measures one from its start to its end.
func (f *measured) pod(t *testing.T, name string, network func(*runtimeapi.PodSandboxConfig)) {
	begun := time.Now()
	p := f.suite.pod(t, network)
	f.since("sandbox, "+name, begun)
	p.serving(t)
	f.since("start to open port, "+name, begun)
	begun = time.Now()
	p.end(t)
	f.since("stop and remove, "+name, begun)
}

// serving runs the web application and waits for its port, looking often: until would hide what is short.
func (p *pod) serving(t testing.TB) *container {
	t.Helper()
	const port = 18090
	c := p.start(t, "", func(c *runtimeapi.ContainerConfig) {
		c.Image.Image, c.Command, c.Args = p.images.web, nil, []string{"--port=" + strconv.Itoa(port)}
	})
	host := "127.0.0.1"
	if ip := p.status(t).GetNetwork().GetIp(); ip != "" {
		host = ip
	}
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), time.Second)
		if err == nil {
			conn.Close()
			return c
		}
		require.True(t, time.Now().Before(deadline), "the port never opens")
		time.Sleep(time.Millisecond)
	}
}

// execs measures commands of which each ends at once.
func (f *measured) execs(t *testing.T) {
	s := f.suite
	c := s.pod(t).start(t, "sleep 1000")
	for range measuredExecs {
		begun := time.Now()
		r, err := s.rs.ExecSync(s.ctx(t), &runtimeapi.ExecSyncRequest{ContainerId: c.id, Cmd: []string{"true"}, Timeout: 60})
		require.NoError(t, err)
		require.Zero(t, r.ExitCode)
		f.since("exec", begun)
	}
	c.pod.end(t)
}

// many runs many pods at once, each until its port is open, and looks at what the runtime needs for them.
func (f *measured) many(t *testing.T) {
	s := f.suite
	begun := time.Now()
	pods := make([]*pod, podsAtOnce)
	var running sync.WaitGroup
	for i := range pods {
		running.Go(func() {
			pods[i] = s.pod(t)
			pods[i].serving(t)
		})
	}
	running.Wait()
	require.False(t, t.Failed())
	f.since(fmt.Sprintf("%d pods at once", podsAtOnce), begun)
	f.add(fmt.Sprintf("memory of the runtime, %d pods (MB)", podsAtOnce), memory(t, s.runtime.PID()))
	shims := s.shims()
	require.NotEmpty(t, shims)
	all := 0.0
	for _, pid := range shims {
		all += memory(t, pid)
	}
	f.add("memory of the shims of a pod (MB)", all/podsAtOnce)
	f.add("processes of the shims of a pod", float64(len(shims))/podsAtOnce)
	begun = time.Now()
	for _, p := range pods {
		running.Go(func() { p.end(t) })
	}
	running.Wait()
	f.since(fmt.Sprintf("%d pods stopped and removed at once", podsAtOnce), begun)
}

// memory is what a process has to itself, and its share of what it shares with others, in megabytes.
func memory(t testing.TB, pid int) float64 {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if fields[0] == "Pss:" {
			kilobytes, err := strconv.ParseFloat(fields[1], 64)
			require.NoError(t, err)
			return kilobytes / 1000
		}
	}
	require.Fail(t, "the kernel doesn't tell")
	return 0
}

// printTable writes the medians side by side, and what the first needs of what the last does.
func printTable(t testing.TB, out io.Writer, all []*measured) {
	t.Helper()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "median\t")
	for _, m := range all {
		fmt.Fprint(w, m.suite.runtime.Name(), "\t")
	}
	fmt.Fprintln(w, "ratio\t")
	first, last := all[0], all[len(all)-1]
	for _, row := range first.rows {
		fmt.Fprint(w, row, "\t")
		for _, m := range all {
			fmt.Fprintf(w, "%.1f\t", m.median(row))
		}
		fmt.Fprintf(w, "%.1f\t\n", first.median(row)/last.median(row))
	}
	require.NoError(t, w.Flush())
}

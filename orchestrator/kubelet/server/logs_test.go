package server

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// entry is a line of a log, written at a second of an hour.
func entry(second int, tag, text string) string {
	return fmt.Sprintf("2026-01-02T03:00:%02d.000000001Z stdout %s %s\n", second, tag, text)
}

// zipped is a compressed text.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

func TestLogs(t *testing.T) {
	s := serve(t)
	s.log(t, map[string]string{
		".20260102-030000.gz":  zipped(t, entry(1, "F", "one")+entry(2, "F", "two")),
		".20260102-040000":     entry(3, "F", "three") + entry(4, "F", "four"),
		".20260102-040000.gz":  "half written",
		".20260102-040000.tmp": "no log",
		"": entry(5, "P", "fi") + entry(5, "F", "ve") + "garbage\n" + "2026-01-02T03:00:05Z other F x\n" + "yesterday stdout F x\n" +
			strings.Replace(entry(6, "F", "six"), "stdout", "stderr", 1) + "2026-01-02T03:00:07Z stdout F not whole",
	})
	const all = "one\ntwo\nthree\nfour\nfive\nsix\n"
	for query, want := range map[string]string{
		"":                                      all,
		"tailLines=1":                           "six\n",
		"tailLines=0":                           "",
		"tailLines=7":                           "four\nfive\nsix\n", // entries, as they are in the files
		"tailLines=9":                           "two\nthree\nfour\nfive\nsix\n",
		"tailLines=100":                         all,
		"limitBytes=5":                          "one\nt",
		"limitBytes=8":                          "one\ntwo\n",
		"limitBytes=10000":                      all,
		"tailLines=9&limitBytes=3":              "two",
		"sinceTime=2026-01-02T03:00:05Z":        "five\nsix\n",
		"sinceTime=2026-01-02T04:00:06%2B01:00": "six\n",
		"sinceSeconds=1":                        "",
		"sinceTime=2026-01-02T03:00:05Z&timestamps=true": "2026-01-02T03:00:05.000000001Z five\n2026-01-02T03:00:06.000000001Z six\n",
	} {
		code, body := s.get(t, "/containerLogs/ns/p/c?"+query)
		require.Equal(t, http.StatusOK, code, query)
		require.Equal(t, want, body, query)
	}
	for path, want := range map[string]int{
		"ns/p/c?tailLines=-1": http.StatusBadRequest, "ns/p/c?limitBytes=0": http.StatusBadRequest, "ns/p/c?sinceSeconds=x": http.StatusBadRequest,
		"ns/p/c?sinceTime=now": http.StatusBadRequest, "ns/p/c?follow=perhaps": http.StatusBadRequest,
		"ns/p/c?sinceSeconds=1&sinceTime=2026-01-02T03:00:05Z": http.StatusBadRequest,
		"ns/none/c": http.StatusNotFound, "ns/p/none": http.StatusBadRequest, "ns/p/c?previous=true": http.StatusBadRequest, "ns/p/gone": http.StatusInternalServerError,
	} {
		code, _ := s.get(t, "/containerLogs/"+path)
		require.Equal(t, want, code, path)
	}
	require.NoError(t, os.Remove(s.logPath))
	code, body := s.get(t, "/containerLogs/ns/p/c")
	require.Equal(t, http.StatusInternalServerError, code)
	require.Contains(t, body, "failed to open log file")
}

// What a container that can write to the folder of logs put there in place of its log isn't read.
func TestOnlyLogsAreRead(t *testing.T) {
	s := serve(t)
	path := s.log(t, map[string]string{"": entry(1, "F", "mine")})
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte(entry(1, "F", "secret")), 0o600))
	for what, put := range map[string]func() error{
		"symlink": func() error { return os.Symlink(secret, path) },
		"pipe":    func() error { return unix.Mkfifo(path, 0o600) },
	} {
		require.NoError(t, os.Remove(path))
		require.NoError(t, put())
		code, body := s.get(t, "/containerLogs/ns/p/c")
		require.Equal(t, http.StatusInternalServerError, code, what)
		require.NotContains(t, body, "secret\n", what)
	}
}

// The file that is read may have been put aside by a rotation meanwhile. It is not one of the older ones.
func TestALogThatIsBeingRotatedIsReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	current, err := openLog(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, current.Close()) })
	require.NoError(t, os.Rename(path, path+".20260102-030000"))
	require.NoError(t, os.WriteFile(path+".20260101-030000", nil, 0o600))
	old, err := rotated(path, current)
	require.NoError(t, err)
	require.Len(t, old, 1)
	require.Equal(t, path+".20260101-030000", old[0].path)
}

// A line without an end doesn't fill the memory, and doesn't swallow the next.
func TestALongLineIsCut(t *testing.T) {
	var out bytes.Buffer
	l := &logReader{out: &out, options: readOptions{limit: -1}}
	begin := entry(1, "F", "")
	begin = begin[:len(begin)-1]
	_, err := l.copy(strings.NewReader(begin + strings.Repeat("x", 3*maxLine) + "\n" + entry(2, "F", "next")))
	require.NoError(t, err)
	require.Less(t, cap(l.pending), 3*maxLine)
	long, rest, _ := strings.Cut(out.String(), "\n")
	require.Less(t, len(long), maxLine)
	require.Equal(t, "next\n", rest)
}

// follow reads the log's lines as they come.
func (s *served) follow(t *testing.T, query string) *bufio.Reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.Host+"/containerLogs/ns/p/c?follow=true"+query, nil)
	require.NoError(t, err)
	response, err := s.client.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return bufio.NewReader(response.Body)
}

// add writes to the end of a file, as the runtime does.
func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestFollowing(t *testing.T) {
	s := serve(t)
	path := s.log(t, map[string]string{"": entry(1, "F", "one") + entry(2, "F", "two")})
	lines := s.follow(t, "&tailLines=1")
	reads := func(want string) {
		t.Helper()
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want+"\n", line)
	}
	reads("two")
	whole := entry(3, "F", "three")
	add(t, path, whole[:20])
	add(t, path, whole[20:])
	reads("three")

	// Rotated: what is written to the old file until the runtime has opened the new one counts too.
	require.NoError(t, os.Rename(path, path+".20260102-030000"))
	add(t, path+".20260102-030000", entry(4, "F", "four"))
	add(t, path, entry(5, "F", "five"))
	reads("four")
	reads("five")

	add(t, path, entry(6, "F", "six"))
	s.mu.Lock()
	s.state = runtimeapi.ContainerState_CONTAINER_EXITED
	s.mu.Unlock()
	reads("six")
	_, err := lines.ReadString('\n')
	require.ErrorIs(t, err, io.EOF, "it ends with the container")

	lines = s.follow(t, "&limitBytes=6")
	text, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Equal(t, "one\ntw", string(text))
}

func TestWhoseLogIsMeant(t *testing.T) {
	now, before := v1.ContainerState{}, v1.ContainerState{}
	status := func(now, before v1.ContainerState, id string) *v1.Pod {
		pod := &v1.Pod{}
		pod.Name = "p"
		pod.Status.InitContainerStatuses = []v1.ContainerStatus{{Name: "c", State: now, LastTerminationState: before, ContainerID: id}}
		return pod
	}
	ran := v1.ContainerState{Running: &v1.ContainerStateRunning{}}
	ended := func(id string) v1.ContainerState {
		return v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ContainerID: id}}
	}
	waits := func(reason string) v1.ContainerState {
		return v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason}}
	}
	for name, c := range map[string]struct {
		pod      *v1.Pod
		previous bool
		want     string
		err      string
	}{
		"running":            {status(ran, ended("x://old"), "x://new"), false, "new", ""},
		"before it":          {status(ran, ended("x://old"), "x://new"), true, "old", ""},
		"none before":        {status(ran, before, "x://new"), true, "", `previous terminated container "c" in pod "p" not found`},
		"ended":              {status(ended("x://new"), before, "x://new"), false, "new", ""},
		"waits after a fall": {status(waits("CrashLoopBackOff"), ended("x://old"), "x://old"), false, "old", ""},
		"no image":           {status(waits("ErrImagePull"), before, ""), false, "", `container "c" in pod "p" is waiting to start: image can't be pulled`},
		"no image for long":  {status(waits("ImagePullBackOff"), before, ""), false, "", "trying and failing to pull image"},
		"being made":         {status(waits("ContainerCreating"), before, ""), false, "", "is waiting to start: ContainerCreating"},
		"nothing known":      {status(now, before, ""), false, "", `container "c" in pod "p" is not available`},
	} {
		id, err := logContainer(c.pod, "c", c.previous)
		require.Equal(t, c.want, id, name)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name)
		} else {
			require.NoError(t, err, name)
		}
	}
}

// The last lines are found from the end, block by block.
func TestTailOffset(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "line %d\n", i)
	}
	in := strings.NewReader(text.String())
	lines := strings.SplitAfter(text.String(), "\n")
	lines = lines[:len(lines)-1]
	for _, n := range []int64{0, 1, 2, 3500, 7000, 19_999, 20_000} {
		offset, found, err := tailOffset(in, in.Size(), n)
		require.NoError(t, err)
		require.Equal(t, n, found)
		require.Equal(t, strings.Join(lines[len(lines)-int(n):], ""), text.String()[offset:], n)
	}
	offset, found, err := tailOffset(in, in.Size(), 30_000)
	require.NoError(t, err)
	require.Zero(t, offset)
	require.EqualValues(t, 20_000, found)
}

func FuzzLogLine(f *testing.F) {
	f.Add([]byte(entry(1, "P", "x")), "follow=true&tailLines=1&sinceTime=2026-01-02T03:00:05Z")
	f.Fuzz(func(t *testing.T, line []byte, query string) {
		var out bytes.Buffer
		l := &logReader{options: readOptions{tail: -1, limit: 10, timestamps: true}, out: &out}
		_ = l.line(line)
		require.LessOrEqual(t, out.Len(), 10)
		if values, err := url.ParseQuery(query); err == nil {
			_, _, _ = logOptions(values, time.Unix(0, 0))
		}
	})
}

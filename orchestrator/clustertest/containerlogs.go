package clustertest

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	v1 "k8s.io/api/core/v1"
)

const (
	pastLines = 10 // what a container has written: a line a minute, the last one now

	// moreLines are what it writes while somebody follows, one each linePeriod. Then it is silent: what hasn't been sent on by then,
	// no later line will push out.
	moreLines  = 10
	linePeriod = 100 * time.Millisecond

	// logTime are the timestamps of kubelets, RFC 3339 with all nine digits.
	logTime = "2006-01-02T15:04:05.000000000Z07:00"
)

// containerLogs serves what a container wrote. That is the same for all containers but for the name, which begins each line.
func (k *kubeletServer) containerLogs(w http.ResponseWriter, r *http.Request) {
	c, o := containerOf(r), &v1.PodLogOptions{}
	if err := k.queries.DecodeParameters(r.URL.Query(), v1.SchemeGroupVersion, o); err != nil {
		refuseLogs(w, err)
		return
	}
	if o.Previous { // simulated containers never restart
		refuseLogs(w, fmt.Errorf("previous terminated container %q in pod %q not found", c.name, c.pod))
		return
	}
	left := int64(math.MaxInt64)
	if o.LimitBytes != nil {
		left = *o.LimitBytes
	}
	flusher := http.NewResponseController(w)
	write := func(text string) bool {
		text = text[:min(left, int64(len(text)))]
		left -= int64(len(text))
		_, err := io.WriteString(w, text)
		return err == nil && flusher.Flush() == nil && left > 0
	}
	c.log(r.Context(), o, time.Now(), write)
}

// refuseLogs answers like kubelets: the apiserver hands on what the body says.
func refuseLogs(w http.ResponseWriter, err error) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, err.Error()) // to a client that has gone
}

// log writes the lines that the options ask for, until write says that it is enough or, if they ask to follow, until ctx ends.
func (c *container) log(ctx context.Context, o *v1.PodLogOptions, now time.Time, write func(string) bool) {
	line := func(n int64, at time.Time) string {
		text := fmt.Sprintf("%s: line %d\n", c, n)
		if o.Timestamps {
			text = at.UTC().Format(logTime) + " " + text
		}
		return text
	}
	first := int64(1)
	if o.TailLines != nil {
		first = max(first, pastLines+1-*o.TailLines)
	}
	var since time.Time
	switch {
	case o.SinceSeconds != nil:
		since = now.Add(-time.Duration(*o.SinceSeconds) * time.Second)
	case o.SinceTime != nil:
		since = o.SinceTime.Time
	}
	for n := first; n <= pastLines; n++ {
		if at := now.Add(time.Duration(n-pastLines) * time.Minute); !at.Before(since) && !write(line(n, at)) {
			return
		}
	}
	if !o.Follow {
		return
	}
	next := time.NewTicker(linePeriod)
	defer next.Stop()
	for n := int64(pastLines + 1); n <= pastLines+moreLines; n++ {
		select {
		case <-ctx.Done():
			return
		case at := <-next.C:
			if !write(line(n, at)) {
				return
			}
		}
	}
	<-ctx.Done()
}

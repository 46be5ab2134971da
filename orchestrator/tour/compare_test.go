package tour

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatMayDifferAndWhatMayNot(t *testing.T) {
	for _, c := range []struct {
		shown, seen string
		same        bool
	}{
		{"web-54b9888854-4cgxb   1/1   Running   0   12s   10.244.1.2", "web-64b59f9667-hbhb7 1/1 Running 0 1m5s 10.244.12.20", true},
		{"web-54b9888854-4cgxb   1/1   Running   0   12s", "web-64b59f9667-hbhb7 0/1 Running 0 12s", false},
		{"client   1/1   Running   1 (2s ago)   110s", "client 1/1 Running 1 (11s ago) 2m", true},
		{"client   1/1   Running   1 (2s ago)   110s", "client 1/1 Running 2 (11s ago) 2m", false},
		{"client   1/1   Running   0   110s", "client 1/1 Running 0 ", false},
		{"--node-monitor-grace-period=40s", "--node-monitor-grace-period=50s", false},
		{"for a while (default 40s)", "for a while (default 40s)", true},
		{"The cluster is up after 20.7s: all", "The cluster is up after 1m2.5s: all", true},
		{"kube-proxy 3 3", "kube-proxy 3 2", false},
		{"kube-proxy-mfflr worker1", "kube-proxy-z26g4 worker2", true},
		{"kube-proxy-mfflr worker1", "kube-proxy-z26g4 master", false},
		{"master v1.37.2", "master v1.37.2-3+abc", true},
		{"client: 10.244.2.5:50814", "client: 192.168.76.10:9634", true},
		{"image 127.0.0.1:5055/web:v1", "image 127.0.0.1:5055/web:v2", false},
		{`pod "way" deleted`, `pod "way" deleted from default namespace`, true},
		{"│ 5059ca20a954477f │", "│ 58339b9e79ebaa0e │", true},
		{"root … etcd … --x", "root 1 2 etcd --a --b --x", true},
		{"root … etcd … --x", "root 1 2 etcd --a --b --x --y", false},
		{"a\n…\nc\n…", "a\nb\nb\nc", true},
		{"a\n…\nc", "a\nb\nc\nd", false},
		{"…\nc\n…", "a\nb", false},
		{"", "", true},
		{"", "something", false},
		{"a", "a\n\n", true},
		{"a", "a\n\nb", false},
	} {
		shown, seen := strings.Split(c.shown, "\n"), strings.Split(c.seen, "\n")
		require.Equal(t, c.same, Matches(shown, seen), "%q, %q", c.shown, c.seen)
	}
}

func TestBegins(t *testing.T) {
	shown := []string{"…", "serving", "…"}
	require.False(t, Begins(shown, nil))
	require.False(t, Begins(shown, []string{"starting"}))
	require.True(t, Begins(shown, []string{"starting", "serving", "more"}))
	require.True(t, Begins(nil, []string{"anything"}))
}

func TestDiffNamesLines(t *testing.T) {
	text := Diff([]string{"same", "shown 1s"}, []string{"same", "seen 2s"})
	require.Contains(t, text, "-shown AGE\n+seen AGE\n")
	require.Contains(t, text, " same\n")
}

package tour

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("tour.update", false, "write what commands print into both pages, where it isn't what they show")

// The pages.
const (
	english  = "../../docs/tour.md"
	japanese = "../../docs/tour.ja.md"
)

// project is where a reader has the project, as the pages tell it.
const project = "/home/you/petcd"

func read(t *testing.T, page string) *Document {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	d, err := Parse(string(text))
	require.NoError(t, err, page)
	require.NotEmpty(t, d.Blocks, page)
	require.Equal(t, string(text), d.String(), "an update would change more of %s than what is printed", page)
	return d
}

// TestBothPagesShowTheSame needs nothing that a tour needs.
func TestBothPagesShowTheSame(t *testing.T) {
	if *update {
		t.Skip("an update makes it so")
	}
	one, two := read(t, english).Console(), read(t, japanese).Console()
	if one != two {
		t.Errorf("the pages show different commands or outputs: %s, %s\n%s", english, japanese, unified(one, two))
	}
}

// TestTour takes the tour.
func TestTour(t *testing.T) {
	page := read(t, english)
	p := newPlayer(t)
	changed := false
	for _, block := range page.Blocks {
		printed, err := p.Play(t.Context(), block)
		for i, seen := range printed {
			step := block.Steps[i]
			if Matches(step.Output, seen) || block.Other && Begins(step.Output, seen) {
				continue
			}
			if *update {
				step.Output, changed = seen, true
				continue
			}
			t.Errorf("%s: line %d: what is printed is not what is shown (-tour.update writes it into the pages)\n$ %s\n%s",
				english, block.Line, step.Command, Diff(step.Output, seen))
		}
		require.NoError(t, err)
	}
	if !*update {
		return
	}
	require.NoError(t, os.WriteFile(english, []byte(page.String()), 0o644))
	other := read(t, japanese)
	require.Len(t, other.Blocks, len(page.Blocks), "%s has other blocks than %s", japanese, english)
	other.Blocks = page.Blocks
	require.NoError(t, os.WriteFile(japanese, []byte(other.String()), 0o644))
	t.Logf("updated; %s has changed: %v", english, changed)
}

// newPlayer makes a project folder with built programs in it, and a network of its own for what listens on loopback.
func newPlayer(t *testing.T) *Player {
	if os.Geteuid() != 0 {
		t.Skip("the cluster of the tour needs root, for network namespaces and cgroups")
	}
	for _, command := range []string{"kubectl", "ip", "nsenter", "curl", "bash"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("the tour needs %s on PATH", command)
		}
	}
	if minor := kubectlMinor(t); minor < oldestKubectl {
		t.Skipf("the tour needs a kubectl from 1.%d on, and this is 1.%d", oldestKubectl, minor)
	}
	bin, err := filepath.Abs("../../bin")
	require.NoError(t, err)
	if dir := os.Getenv("PETCD_BIN_DIR"); dir != "" {
		bin = dir
	}
	for _, program := range []string{"etcd", "etcdctl", "devcluster", "kubeadm", "kubelet", "images"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			t.Skipf("the tour needs the programs that `make control-plane` builds, in bin/ or where PETCD_BIN_DIR says: %v", err)
		}
	}
	root, err := os.MkdirTemp("", "tour") // short: sockets are below it
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(root)) })
	require.NoError(t, os.Symlink(bin, filepath.Join(root, "bin")))

	images := filepath.Join(bin, "images.oci")
	if _, err := os.Stat(filepath.Join(images, "index.json")); errors.Is(err, os.ErrNotExist) {
		images = filepath.Join(root, "images.oci")
		must(t, filepath.Join(bin, "images"), "build", "--bin="+bin, "--out="+images)
	}
	name := filepath.Base(root)
	must(t, "ip", "netns", "add", name)
	t.Cleanup(func() { must(t, "ip", "netns", "delete", name) })
	enter := []string{"nsenter", "--net=/run/netns/" + name}
	must(t, enter[0], enter[1], "ip", "link", "set", "lo", "up")

	p := &Player{
		Dir: root, Enter: enter, Env: environment("HOME="+root, "LC_ALL=C.UTF-8", "TERM=dumb"),
		Instead: map[string]string{ // these build first
			"make kube": fmt.Sprintf("exec bin/kubeadm up --root=%s/kube --name=%s --images=%s", root, name, images),
			"make run":  "exec bin/devcluster --etcd bin/etcd --data-dir data",
		},
		See: func(line string) string {
			return strings.NewReplacer(bin, project+"/bin", root, project, "/run/netns/"+name+"-", "/run/netns/kube-").Replace(line)
		},
	}
	t.Cleanup(func() {
		require.NoError(t, p.Close())
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		// Where the tour was cut short, something may be left.
		out, err := exec.CommandContext(ctx, filepath.Join(bin, "kubeadm"), "down", "--root="+filepath.Join(root, "kube"), "--name="+name).CombinedOutput()
		require.NoError(t, err, string(out))
	})
	return p
}

// oldestKubectl is the first one that prints what the pages show: earlier ones can't wait for a value.
const oldestKubectl = 28

func kubectlMinor(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("kubectl", "version", "--client", "-o", "json").Output()
	require.NoError(t, err)
	var version struct {
		ClientVersion struct{ Minor string }
	}
	require.NoError(t, json.Unmarshal(out, &version))
	minor, err := strconv.Atoi(strings.TrimRight(version.ClientVersion.Minor, "+"))
	require.NoError(t, err)
	return minor
}

// must runs a program.
func must(t *testing.T, words ...string) {
	t.Helper()
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	require.NoError(t, err, "%v: %s", words, out)
}

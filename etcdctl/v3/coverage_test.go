package v3

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// formats are the values of -w; without it a reply is simple.
var formats = []string{"simple", "json", "fields", "table", "protobuf"}

// unformatted are commands whose output is no reply of the server, so that -w
// changes nothing of it.
var unformatted = []string{
	"check datascale", "check perf", "completion", "help", "options", "version",
	"defrag", "make-mirror", "move-leader", "snapshot save", "snapshot restore",
	"alarm disarm", // takes the format of alarm list, and has nothing to list here
}

// unsuccessful are commands that the sessions run only where they fail: the
// benchmarks of check take minutes, and the others need what one member on
// loopback does not have.
var unsuccessful = []string{"check datascale", "check perf"}

// unrepeatable are replies that no two runs give alike: the key of a lock or an
// election holds its lease's id, a column is as wide as the time it shows, and
// a hash is of its cluster. Their formats are those of other commands, and
// package printer's tests have them.
var unrepeatable = []string{
	"elect -w json", "elect -w protobuf", "lock -w json", "lock -w protobuf", "endpoint health -w table",
	"snapshot status -w fields", "snapshot status -w table",
	"watch -w protobuf", // a stream of messages without a length between them
}

// TestSessionsCoverEveryCommand finds the commands that no session of
// ../testdata runs, in each format, and to each end.
func TestSessionsCoverEveryCommand(t *testing.T) {
	c := &ctl{}
	leaves := map[string]bool{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() && !cmd.Hidden {
			leaves[strings.TrimPrefix(cmd.CommandPath(), "etcdctl ")] = true
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(c.rootCommand())
	require.Greater(t, len(leaves), 40)

	done, failed := sessionCommands(t, leaves)
	var gaps []string
	for name := range leaves {
		if !slices.Contains(unformatted, name) {
			for _, f := range formats {
				if !done[name][f] && !slices.Contains(unrepeatable, name+" -w "+f) {
					gaps = append(gaps, name+" -w "+f)
				}
			}
		} else if len(done[name]) == 0 && !slices.Contains(unsuccessful, name) {
			gaps = append(gaps, name)
		}
		if !failed[name] && !slices.Contains([]string{"help", "options", "completion", "version"}, name) {
			gaps = append(gaps, name+" with an exit code that is not 0")
		}
	}
	slices.Sort(gaps)
	require.Empty(t, gaps, "commands that no session shows")
}

// writeOut finds the format that a command line asks for.
var writeOut = regexp.MustCompile(`(?:-w|--write-out|ETCDCTL_WRITE_OUT)[ =]([a-z]+)`)

// sessionCommands reads the sessions: the formats that each command ran in,
// and the commands that failed.
func sessionCommands(t *testing.T, leaves map[string]bool) (done map[string]map[string]bool, failed map[string]bool) {
	t.Helper()
	files, err := filepath.Glob("../testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	done, failed = map[string]map[string]bool{}, map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		last := ""
		for _, line := range strings.Split(string(data), "\n") {
			if strings.HasPrefix(line, "[exit ") && last != "" {
				failed[last] = true
			}
			text, isCommand := strings.CutPrefix(line, "$ ")
			if !isCommand {
				continue
			}
			last = commandOf(text, leaves)
			if last == "" {
				continue
			}
			format := "simple"
			if m := writeOut.FindStringSubmatch(text); m != nil {
				format = m[1]
			}
			if done[last] == nil {
				done[last] = map[string]bool{}
			}
			done[last][format] = true
		}
	}
	return done, failed
}

// commandOf is the command that a session's line runs.
func commandOf(line string, leaves map[string]bool) string {
	_, args, found := strings.Cut(line, "etcdctl ")
	if !found {
		return ""
	}
	var words []string
	for _, w := range strings.Fields(args) {
		if !strings.HasPrefix(w, "-") {
			words = append(words, w)
		}
	}
	for n := min(2, len(words)); n > 0; n-- {
		if name := strings.Join(words[:n], " "); leaves[name] {
			return name
		}
	}
	return ""
}

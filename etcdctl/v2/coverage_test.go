package v2

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli"

	"github.com/petcd/petcd/etcdctl/host"
)

// formatted are the commands that --output changes.
var formatted = []string{
	"get", "ls", "mk", "mkdir", "rm", "rmdir", "set", "setdir", "update", "updatedir", "watch",
}

// sessionless is what no session can show: none has a domain of its own to
// discover members by.
var sessionless = []string{
	"--discovery-srv", "--insecure-discovery", "ETCDCTL_DISCOVERY_SRV", "ETCDCTL_DISCOVERY_SRV_NAME", "ETCDCTL_INSECURE_DISCOVERY",
}

// variables are those that global.go reads.
var variables = []string{
	"ETCDCTL_ENDPOINTS", "ETCDCTL_ENDPOINT", "ETCDCTL_PEERS", "ETCDCTL_DISCOVERY_SRV", "ETCDCTL_DISCOVERY_SRV_NAME",
	"ETCDCTL_INSECURE_DISCOVERY", "ETCDCTL_CERT_FILE", "ETCDCTL_KEY_FILE", "ETCDCTL_CA_FILE", "ETCDCTL_USERNAME",
}

// TestSessionsCoverEveryCommand finds what no session of ../testdata/v2 shows:
// a command, to a good and to a bad end, in a format, with a flag; a global
// flag; a variable.
func TestSessionsCoverEveryCommand(t *testing.T) {
	shown := sessionsShow(t)
	var gaps []string
	want := func(what string) {
		if !shown[what] && !slices.Contains(sessionless, what) {
			gaps = append(gaps, what)
		}
	}
	c := &ctl{}
	app := c.app()
	for _, f := range app.Flags {
		want("--" + flagName(f))
	}
	for _, v := range variables {
		want(v)
	}
	commands := 0
	eachCommand(app.Commands, "", func(path string, command *cli.Command) {
		commands++
		want(path)
		want(path + " failing")
		for _, f := range command.Flags {
			want(path + " --" + flagName(f))
		}
		if slices.Contains(formatted, path) {
			for _, format := range []string{formatSimple, formatExtended, formatJSON} {
				want(path + " -o " + format)
			}
		}
	})
	require.Greater(t, commands, 30)
	require.Empty(t, gaps, "no session shows these")
}

// eachCommand calls f for the commands that have no subcommands.
func eachCommand(commands []cli.Command, above string, f func(path string, command *cli.Command)) {
	for i := range commands {
		path := strings.TrimSpace(above + " " + commands[i].Name)
		if len(commands[i].Subcommands) > 0 {
			eachCommand(commands[i].Subcommands, path, f)
			continue
		}
		f(path, &commands[i])
	}
}

func flagName(f cli.Flag) string {
	name, _, _ := strings.Cut(f.GetName(), ",")
	return name
}

// sessionsShow reads the sessions, with the parser in place of etcdctl.
func sessionsShow(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../testdata/v2/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	shown := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		last := ""
		for _, line := range strings.Split(string(data), "\n") {
			switch before, command, found := strings.Cut(line, "etcdctl"); {
			case strings.HasPrefix(line, "[exit ") && last != "":
				shown[last+" failing"] = true
			case strings.HasPrefix(line, "$ ") && found:
				for _, word := range strings.Fields(before) {
					name, _, _ := strings.Cut(word, "=")
					shown[name] = true
				}
				last = understand(command, shown)
			}
		}
	}
	return shown
}

// understand notes what a command line shows and returns its command.
func understand(line string, shown map[string]bool) (path string) {
	line, _, _ = strings.Cut(line, " | ")
	line = strings.NewReplacer("'", "", `"`, "", "$INDEX", "1", " &", "").Replace(line)
	c := &ctl{Process: host.Process{Stdout: &strings.Builder{}, Stderr: &strings.Builder{}}}
	app := c.app()
	eachCommand(app.Commands, "", func(name string, command *cli.Command) {
		command.Action = func(call *cli.Context) error {
			path = name
			shown[name], shown[name+" -o "+c.flags.output] = true, true
			noteFlags(call.FlagNames(), call.IsSet, name+" --", shown)
			noteFlags(call.GlobalFlagNames(), call.GlobalIsSet, "--", shown)
			return nil
		}
	})
	_ = parse(app, strings.Fields(line)) // one that cannot be understood shows that
	return path
}

func noteFlags(names []string, set func(string) bool, prefix string, shown map[string]bool) {
	for _, name := range names {
		if set(name) {
			shown[prefix+name] = true
		}
	}
}

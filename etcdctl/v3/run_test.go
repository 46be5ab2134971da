package v3

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/etcdctl/host"
)

// run runs etcdctl within the test. Nothing that the tests run so connects.
func run(t *testing.T, environ []string, args ...string) (code int, out, errout string) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = Run(host.Process{Args: args, Environ: environ, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestCompletionOfEveryShell(t *testing.T) {
	for shell, sign := range map[string]string{
		"bash":       "__start_etcdctl",
		"zsh":        "#compdef etcdctl",
		"fish":       "complete -c etcdctl",
		"powershell": "Register-ArgumentCompleter -CommandName 'etcdctl'",
	} {
		code, out, errout := run(t, nil, "completion", shell)
		require.Zero(t, code, shell)
		require.Contains(t, out, sign)
		require.Empty(t, errout, shell)
	}
	// What the scripts ask for: the values of a flag.
	_, out, _ := run(t, nil, "__complete", "get", "--sort-by", "")
	require.Contains(t, out, "VERSION\n")
}

// Every command can be asked for help, and gives it on standard output.
func TestHelpOfEveryCommand(t *testing.T) {
	c := &ctl{}
	for _, cmd := range c.rootCommand().Commands() {
		paths := [][]string{{cmd.Name()}}
		for _, sub := range cmd.Commands() {
			paths = append(paths, []string{cmd.Name(), sub.Name()})
		}
		for _, path := range paths {
			code, out, errout := run(t, nil, append(path, "--help")...)
			require.Zero(t, code, path)
			require.Contains(t, out, "Usage:\n  etcdctl "+strings.Join(path, " "))
			require.Empty(t, errout, path)
		}
	}
}

// A password in a variable that etcdctl does not know is not shown.
func TestUnknownVariablesAreNamedOnly(t *testing.T) {
	_, _, errout := run(t, []string{"ETCDCTL_PASSWD=secret", "ETCDCTL_CERT=nofile", "ETCDCTL_KEY=nofile"}, "get", "a")
	require.Contains(t, errout, "Warning: unrecognized environment variable ETCDCTL_PASSWD\n")
	require.NotContains(t, errout, "secret")
}

func TestAFlagMayRepeatItsVariable(t *testing.T) {
	env := []string{"ETCDCTL_ENDPOINTS=127.0.0.1:1,127.0.0.1:2", "ETCDCTL_CACERT=nofile"}
	_, _, errout := run(t, env, "get", "a", "--cacert", "nofile", "--endpoints", "127.0.0.1:1,127.0.0.1:2")
	require.NotContains(t, errout, "conflicting")
	require.Contains(t, errout, "nofile")
	for _, flags := range [][]string{{"--cacert", "other"}, {"--endpoints", "127.0.0.1:1"}} {
		code, _, errout := run(t, env, append([]string{"get", "a"}, flags...)...)
		require.NotZero(t, code)
		require.Contains(t, errout, "conflicting environment variable ETCDCTL_"+strings.ToUpper(flags[0][2:]))
	}
}

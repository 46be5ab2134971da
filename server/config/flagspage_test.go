package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/flags.md instead of comparing it")

// flagsPage is docs/flags.md, written from the settings' table.
func flagsPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`# Flags

Written from the table in ` + "`server/config`" + ` by ` + "`go test ./server/config -run TestFlagsPage -update`" + `; the test fails when this page is stale.

Every flag of etcd 3.4 to 3.7 is here. *etcd* says which of these releases have it. In petcd a flag

- **works**: it does what it says;
- has **no effect**: it is accepted with a warning, and the row says why nothing changes;
- is **refused** at any value but its default, and the row says why;
- **is now** another one: it sets that, with a warning. Both names at once are an error.

A flag can be given as a variable (` + "`--some-flag` is `ETCD_SOME_FLAG`" + `; both at once are an error) or in the file of ` + "`--config-file`" + `, which then is all
that counts. In the file durations are integer nanoseconds.
`)
	since := map[string][]string{}
	for _, release := range releases {
		for _, name := range flagsOf(t, release) {
			since[name] = append(since[name], release)
		}
	}
	for _, sec := range newParser().sections {
		fmt.Fprintf(&b, "\n## %s\n\n| flag, variable | key in the file | etcd | default | in petcd |\n|---|---|---|---|---|\n", sec.title)
		for _, st := range sec.settings {
			fmt.Fprintf(&b, "| `--%s` `%s` | %s | %s | %s | %s |\n", st.name, envName(st.name), fileKey(st.name), span(since[st.name]), shownDefault(st), cell(verdict(st)))
		}
	}
	b.WriteString("\n## Feature gates\n\n| gate | stage in etcd | default | in petcd |\n|---|---|---|---|\n")
	for _, g := range gates {
		fmt.Fprintf(&b, "| `%s` | %s | %t | %s |\n", g.name, strings.ToLower(g.stage), g.enabled, g.does)
	}
	b.WriteString("\nAccepted and forgotten, as by etcd: `--" + strings.Join(silentlyIgnored, "`, `--") + "`.\n")
	return b.String()
}

// verdict is what petcd does with a setting.
func verdict(st setting) string {
	switch st.fate {
	case moot:
		return "**no effect**: " + st.why
	case refused:
		return "**refused**: " + st.why
	case former:
		return "**is now** `--" + st.now + "`"
	case built:
	}
	return "works. " + strings.TrimSuffix(st.usage, " Known gates:")
}

// cell makes a text fit a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// shownDefault is a default as code, or nothing.
func shownDefault(st setting) string {
	if st.initial == "" {
		return ""
	}
	return "`" + cell(st.initial) + "`"
}

// span names the first and the last of consecutive releases.
func span(in []string) string {
	switch len(in) {
	case 0:
		return "petcd only"
	case 1:
		return in[0]
	}
	return in[0] + "–" + in[len(in)-1]
}

// clientKeys are the keys of the file's client-transport-security.
var clientKeys = []string{"cert-file", "key-file", "client-cert-file", "client-key-file", "client-cert-auth", "trusted-ca-file", "auto-tls", "allowed-hostname"}

// fileKey is where a setting is in the file.
func fileKey(name string) string {
	if name == "config-file" || name == "version" {
		return "–"
	}
	paths := []string{name}
	for _, k := range append([]string{"allowed-cn", "skip-client-san-verification"}, clientKeys...) {
		paths = append(paths, "peer-transport-security."+k)
	}
	for _, k := range clientKeys {
		paths = append(paths, "client-transport-security."+k)
	}
	paths = append(paths, "socket-options.reuse-port", "socket-options.reuse-address", "discovery-config.token")
	for _, k := range []string{"endpoints", "dial-timeout", "request-timeout", "keepalive-time", "keepalive-timeout"} {
		paths = append(paths, "discovery-config.client."+k)
	}
	for _, k := range []string{"cert", "key", "cacert", "insecure-transport", "insecure-skip-tls-verify"} {
		paths = append(paths, "discovery-config.client.secure."+k)
	}
	paths = append(paths, "discovery-config.client.auth.username", "discovery-config.client.auth.password")
	key := name
	for _, path := range paths {
		if flagName(path) == name {
			key = path
		}
	}
	return "`" + key + "`"
}

func TestFlagsPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "flags.md")
	want := flagsPage(t)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(data), "stale: go test ./server/config -run TestFlagsPage -update")
}

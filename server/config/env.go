package config

import (
	"flag"
	"fmt"
	"strings"
)

// readEnv sets from ETCD_* variables what no flag has set. A variable whose
// flag is also given is an error, even when both agree: one of the two would
// silently be dead.
func (p *parser) readEnv(env []string) error {
	given := map[string]bool{}
	p.flags.Visit(func(f *flag.Flag) { given[envName(f.Name)] = true })
	for _, kv := range env {
		if name, _, ok := strings.Cut(kv, "="); ok && given[name] {
			return fmt.Errorf("conflicting environment variable %q is shadowed by corresponding command-line flag (either unset environment variable or disable flag)", name)
		}
	}
	used := map[string]bool{}
	for _, name := range p.names() {
		key := envName(name)
		text := lookupEnv(env, key)
		if text == "" {
			continue
		}
		used[key] = true
		if key == "ETCD_VERSION" {
			p.notice(true, "cannot set special environment variable", "key", key, "value", text)
			continue
		}
		if err := p.flags.Set(name, text); err != nil {
			return fmt.Errorf("invalid value %q for %s: %w", text, key, err)
		}
		p.notice(false, "recognized and used environment variable", "variable-name", key, "variable-value", masked(name, text))
	}
	for _, kv := range env {
		if name, _, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, "ETCD_") && !used[name] {
			p.notice(true, "unrecognized environment variable", "environment-variable", kv)
		}
	}
	return nil
}

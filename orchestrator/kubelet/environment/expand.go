package environment

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Expand replaces $(NAME) by what lookup knows; $$ is a $, and what lookup doesn't know stays as written.
func Expand(text string, lookup func(name string) (string, bool)) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		text = after
		switch {
		case strings.HasPrefix(text, "$"):
			out.WriteByte('$')
			text = text[1:]
		case strings.HasPrefix(text, "("):
			name, rest, closed := strings.Cut(text[1:], ")")
			if !closed {
				out.WriteString("$(")
				text = text[1:]
				continue
			}
			if value, ok := lookup(name); ok {
				out.WriteString(value)
			} else {
				out.WriteString("$(" + name + ")")
			}
			text = rest
		default:
			out.WriteByte('$')
		}
	}
}

// Command is a container's command and arguments with their $(VAR) expanded.
func Command(container *v1.Container, env []*runtimeapi.KeyValue) (command, args []string) {
	vars := newVariables()
	for _, e := range env {
		vars.set(e.Key, string(e.Value))
	}
	expand := func(all []string) []string {
		expanded := make([]string, len(all))
		for i, text := range all {
			expanded[i] = Expand(text, vars.get)
		}
		return expanded
	}
	return expand(container.Command), expand(container.Args)
}

package v2

import (
	"slices"
	"strings"

	"github.com/urfave/cli"
)

// The hidden commands by which the completion script of package v3 asks for
// candidates, and the directive that ends the answer: no names of files.
const (
	completeVerb       = "__complete"
	completeBriefVerb  = "__completeNoDesc"
	completeNoFileName = ":4"
)

// complete answers a shell that completes a call, in the form that cobra's
// completion scripts read. The last argument is the word to complete. It reports
// whether the call was such a question.
func (c *ctl) complete() bool {
	if len(c.Args) < 2 || c.Args[0] != completeVerb && c.Args[0] != completeBriefVerb {
		return false
	}
	words := c.Args[1:]
	for _, candidate := range candidates(c.app(), words[:len(words)-1], words[len(words)-1]) {
		if c.Args[0] == completeBriefVerb {
			candidate, _, _ = strings.Cut(candidate, "\t")
		}
		c.println(candidate)
	}
	c.println(completeNoFileName)
	return true
}

// candidates are the commands or flags that may follow the words before and
// begin like word, each with its description after a tab.
func candidates(app *cli.App, before []string, word string) []string {
	flags, commands := app.Flags, app.Commands
	for _, rest := takeFlags(flags, before); len(rest) > 0; rest = rest[1:] {
		i := slices.IndexFunc(commands, func(c cli.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			break // words of the command's own
		}
		flags, commands = commands[i].Flags, commands[i].Subcommands
	}
	var found []string
	if strings.HasPrefix(word, "-") {
		for _, f := range flags {
			if name := "--" + strings.TrimSpace(strings.Split(f.GetName(), ",")[0]); strings.HasPrefix(name, word) {
				found = append(found, name)
			}
		}
		return found
	}
	for _, command := range commands {
		if strings.HasPrefix(command.Name, word) {
			found = append(found, command.Name+"\t"+command.Usage)
		}
	}
	return found
}

package v2

import (
	"slices"
	"strings"

	"github.com/urfave/cli"
)

// arrange puts a command's flags before its other words, and "--" between them:
// the parser takes flags there only, while scripts have them anywhere. What
// follows a "--" of the caller stays as it is.
//
// A word that begins with a dash and is no flag of the command is taken for a
// value if the command has one at that place (`set key -5`), else it is left to
// the parser to refuse.
func arrange(app *cli.App, args []string) []string {
	flags, rest := takeFlags(app.Flags, args)
	arranged := slices.Clone(flags)
	for commands := app.Commands; len(rest) > 0; {
		i := slices.IndexFunc(commands, func(c cli.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			break
		}
		arranged = append(arranged, rest[0])
		command := commands[i]
		if len(command.Subcommands) == 0 {
			return append(arranged, arrangeWords(&command, rest[1:])...)
		}
		commands, rest = command.Subcommands, rest[1:]
	}
	return append(arranged, rest...)
}

// takeFlags cuts the flags off that args begin with.
func takeFlags(flags []cli.Flag, args []string) (taken, rest []string) {
	n := 0
	for n < len(args) && isFlag(args[n]) {
		n += width(flags, args[n])
	}
	n = min(n, len(args))
	return args[:n], args[n:]
}

func arrangeWords(command *cli.Command, args []string) []string {
	var flags, words []string
	places := strings.Fields(command.ArgsUsage)
	for len(args) > 0 {
		word := args[0]
		if word == "--" {
			words = append(words, args[1:]...)
			break
		}
		if !isFlag(word) || findFlag(command.Flags, word) == nil && takesDashes(places, len(words)) {
			words = append(words, word)
			args = args[1:]
			continue
		}
		n := width(command.Flags, word)
		if n > len(args) {
			return append(flags, word) // without its value, which the parser will miss
		}
		flags = append(flags, args[:n]...)
		args = args[n:]
	}
	return append(append(flags, "--"), words...)
}

// takesDashes tells whether the word at place i may begin with a dash: a value,
// or an argument of another program.
func takesDashes(places []string, i int) bool {
	if i < len(places) && places[i] == "<value>" {
		return true
	}
	return i > 0 && len(places) > 0 && strings.HasSuffix(places[len(places)-1], "...]")
}

// isFlag tells whether a word looks like a flag. A dash alone does not.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' && word != "--" }

// width is how many words the flag takes that a word begins: two if it wants a
// value and has none with it.
func width(flags []cli.Flag, word string) int {
	switch findFlag(flags, word).(type) {
	case nil, cli.BoolFlag:
		return 1
	}
	if strings.Contains(word, "=") {
		return 1
	}
	return 2
}

// findFlag is the flag that a word names, nil if it names none.
func findFlag(flags []cli.Flag, word string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
	for _, f := range flags {
		for _, alias := range strings.Split(f.GetName(), ",") {
			if strings.TrimSpace(alias) == name {
				return f
			}
		}
	}
	return nil
}

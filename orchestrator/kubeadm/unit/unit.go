package unit

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// restartAfter is how long a program that has ended stays so.
const restartAfter = time.Second

// Unit is a program that is kept running.
type Unit struct {
	Name        string // without ".service"
	Description string
	After       []string // the names of the units that it is started after
	Exec        []string // program and arguments
}

// Text is the unit as a file of systemd. Only the program itself is stopped with it: containers outlive their runtime.
func (u *Unit) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "[Unit]\nDescription=%s\nWants=network-online.target\nAfter=network-online.target", u.Description)
	for _, name := range u.After {
		fmt.Fprintf(&b, " %s.service", name)
	}
	words := make([]string, 0, len(u.Exec))
	for _, w := range u.Exec {
		words = append(words, quote(w))
	}
	fmt.Fprintf(&b, "\n\n[Service]\nExecStart=%s\nRestart=always\nRestartSec=%d\nKillMode=process\nDelegate=yes\nLimitNOFILE=1048576\n",
		strings.Join(words, " \\\n  "), int(restartAfter.Seconds()))
	fmt.Fprint(&b, "\n[Install]\nWantedBy=multi-user.target\n")
	return b.Bytes()
}

// quote writes a word so that systemd reads it as it is.
func quote(word string) string {
	word = strings.NewReplacer("%", "%%", "$", "$$").Replace(word)
	if word != "" && !strings.ContainsAny(word, " \t\"'\\;") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// Write writes NAME.service into a folder.
func (u *Unit) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, u.Name+".service"), u.Text(), 0o644); err != nil {
		return fmt.Errorf("unit: %w", err)
	}
	return nil
}

// Read reads units from a folder, in an order in which they can be started.
func Read(dir string, names ...string) ([]*Unit, error) {
	units := make([]*Unit, 0, len(names))
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name+".service"))
		if err != nil {
			return nil, fmt.Errorf("unit: %w", err)
		}
		u, err := parse(name, text)
		if err != nil {
			return nil, fmt.Errorf("unit: %s.service: %w", name, err)
		}
		units = append(units, u)
	}
	return ordered(units)
}

// parse reads what Text wrote.
func parse(name string, text []byte) (*Unit, error) {
	u := &Unit{Name: name}
	lines := bufio.NewScanner(bytes.NewReader(bytes.ReplaceAll(text, []byte("\\\n"), nil)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		var err error
		switch key {
		case "Description":
			u.Description = value
		case "After":
			for _, after := range strings.Fields(value) {
				if name, isService := strings.CutSuffix(after, ".service"); isService {
					u.After = append(u.After, name)
				}
			}
		case "ExecStart":
			u.Exec, err = words(value)
		case "", "[Unit]", "[Service]", "[Install]", "Wants", "Restart", "RestartSec", "KillMode", "Delegate", "LimitNOFILE", "WantedBy":
		default:
			err = fmt.Errorf("%q is more than the supervisor knows: use systemd", key)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(u.Exec) == 0 {
		return nil, fmt.Errorf("no ExecStart")
	}
	return u, nil
}

// words takes a command line apart.
func words(line string) (all []string, err error) {
	var word strings.Builder
	quoted, begun := false, false
	end := func() {
		if begun {
			all = append(all, strings.NewReplacer("%%", "%", "$$", "$").Replace(word.String()))
		}
		word.Reset()
		begun = false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted, begun = !quoted, true
		case c == '\\' && quoted && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case (c == ' ' || c == '\t') && !quoted:
			end()
		default:
			begun = true
			word.WriteByte(c)
		}
	}
	end()
	if quoted {
		return nil, fmt.Errorf("ExecStart has a quote that doesn't end")
	}
	return all, nil
}

// ordered puts units behind those that they come after. What they name besides is not there, and nothing to wait for.
func ordered(units []*Unit) (sorted []*Unit, err error) {
	done := map[string]bool{}
	for len(sorted) < len(units) {
		before := len(sorted)
		for _, u := range units {
			waits := slices.ContainsFunc(u.After, func(name string) bool {
				return !done[name] && slices.ContainsFunc(units, func(o *Unit) bool { return o.Name == name })
			})
			if !done[u.Name] && !waits {
				done[u.Name], sorted = true, append(sorted, u)
			}
		}
		if len(sorted) == before {
			return nil, fmt.Errorf("unit: these come after each other: %d units", len(units)-before)
		}
	}
	return sorted, nil
}

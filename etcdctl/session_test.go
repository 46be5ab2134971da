package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/petcd/petcd/server/process"
)

// A session is a text like a terminal's. A line that begins with "$ " is run,
// the lines "< " after it are its standard input, and what follows is what it
// printed: standard output as it is, lines of standard error after "! ", and
// the exit code in brackets if it is not 0. A line that begins with "#" is a
// comment.
//
//	$ etcdctl get
//	! Error: get command needs one argument as key …
//	[exit 128]
//
// Ids, addresses and times are replaced by names (names_test.go). Beside
// etcdctl, with variables before it if need be, these commands are known:
//
//	etcdctl … &               runs beside the next commands, its input left open
//	etcdctl … | a.Message     shows the output as the message it encodes
//	etcdctl … | sort          shows the output's lines sorted
//	etcdctl … | head          shows the output's first line
//	until REGEXP              waits until the one beside has printed it
//	send LINE                 writes a line to the one beside
//	interrupt                 interrupts the one beside; shows what it printed
//	join                      waits for the end of the one beside; shows the same
//	capture NAME REGEXP       sets $NAME to the group in the last output
//	watched N                 waits until N watches of API 2 are open
//	kill N                    kills the N-th member, the one with $CLIENTN
type session struct {
	etcdctl string // the binary
	api     string // ETCDCTL_API of a command that does not say
	dir     string
	env     map[string]string
	files   map[string]string // variables that name files, made before the server is
	vars    map[string]string
	names   *names
	members []*process.Member // the leader first

	last   string // the last command's output, unchanged
	beside *beside
}

// sessionKey finds the session among a script's values.
type sessionKey struct{}

func sessionOf(ts *testscript.TestScript) *session { return ts.Value(sessionKey{}).(*session) }

func newSession(etcdctl, dir, api string) *session {
	return &session{
		etcdctl: etcdctl, api: api, dir: dir, names: newNames(), vars: map[string]string{},
		env: map[string]string{"ETCDCTL_API": api, "HOME": dir, "PATH": os.Getenv("PATH")},
	}
}

// replay is the script command `replay FILE`: it runs the session in the file
// and prints it with what the commands print now.
func replay(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: replay file")
	}
	s := sessionOf(ts)
	var out strings.Builder
	lines := strings.Split(ts.ReadFile(args[0]), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			if strings.HasPrefix(line, "#") {
				fmt.Fprintln(&out, line)
			}
			continue // it is what the command before printed
		}
		fmt.Fprintln(&out, line)
		var input strings.Builder
		for ; i+1 < len(lines) && strings.HasPrefix(lines[i+1], "<"); i++ {
			fmt.Fprintln(&out, lines[i+1])
			fmt.Fprintln(&input, strings.TrimPrefix(strings.TrimPrefix(lines[i+1], "<"), " "))
		}
		shown, err := s.run(command, input.String())
		if err != nil {
			fmt.Fprint(ts.Stdout(), out.String())
			ts.Fatalf("%s: %v", command, err)
		}
		out.WriteString(shown)
	}
	if s.beside != nil {
		s.beside.end(syscall.SIGKILL)
		ts.Fatalf("the session ends with a command beside it")
	}
	fmt.Fprint(ts.Stdout(), out.String())
}

// run runs one command line and returns what is to be seen of it.
func (s *session) run(line, input string) (string, error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "until":
		return "", s.beside.until(rest)
	case "send":
		_, err := fmt.Fprintln(s.beside.in, rest)
		return "", err
	case "interrupt":
		return s.ended(syscall.SIGINT)
	case "join":
		return s.ended(nil)
	case "capture":
		return "", s.capture(rest)
	case "watched":
		return "", s.watched(rest)
	case "kill":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 || n >= len(s.members) {
			return "", fmt.Errorf("no member %q", rest)
		}
		return "", s.members[n].Kill()
	}
	words, err := split(os.Expand(line, func(name string) string {
		if name == "$" {
			return "$" // $$ is a dollar sign
		}
		return s.vars[name]
	}))
	if err != nil {
		return "", err
	}
	return s.runEtcdctl(words, input)
}

// capture sets the variable named first to the group of the pattern after it.
func (s *session) capture(args string) error {
	name, pattern, _ := strings.Cut(args, " ")
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	m := re.FindStringSubmatch(s.last)
	if len(m) != 2 {
		return fmt.Errorf("nothing to capture in %q", s.last)
	}
	s.vars[name] = m[1]
	return nil
}

func (s *session) runEtcdctl(words []string, input string) (string, error) {
	env := make(map[string]string)
	for k, v := range s.env {
		env[k] = v
	}
	for strings.Contains(words[0], "=") {
		k, v, _ := strings.Cut(words[0], "=")
		env[k] = v
		words = words[1:]
	}
	if words[0] != "etcdctl" {
		return "", fmt.Errorf("unknown command %q", words[0])
	}
	words = words[1:]
	message := ""
	if n := len(words); n > 2 && words[n-2] == "|" {
		message, words = words[n-1], words[:n-2]
	}
	background := len(words) > 0 && words[len(words)-1] == "&"
	if background {
		words = words[:len(words)-1]
	}
	b := &beside{cmd: exec.Command(s.etcdctl, words...), done: make(chan struct{})}
	b.cmd.Dir = s.dir
	for k, v := range env {
		if v != "" { // NAME= takes the variable away
			b.cmd.Env = append(b.cmd.Env, k+"="+v)
		}
	}
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.err
	var err error
	if b.in, err = b.cmd.StdinPipe(); err != nil {
		return "", err
	}
	if err := b.cmd.Start(); err != nil {
		return "", err
	}
	// A command that ends without reading closes its side: no error of ours.
	_, _ = io.WriteString(b.in, input)
	if !background {
		_ = b.in.Close()
	}
	go func() {
		b.failed = b.cmd.Wait()
		close(b.done)
	}()
	if background {
		s.beside = b
		return "", nil
	}
	select {
	case <-b.done:
	case <-time.After(besideTimeout):
		b.end(syscall.SIGKILL)
		return "", fmt.Errorf("still running after %v; printed %q", besideTimeout, b.out.String())
	}
	return s.show(b, message)
}

// ended stops the command beside the session, or waits for its end if no
// signal is given, and shows it.
func (s *session) ended(sig os.Signal) (string, error) {
	b := s.beside
	if b == nil {
		return "", errors.New("no command runs beside the session")
	}
	s.beside = nil
	if sig != nil {
		b.end(sig)
		return s.show(b, "")
	}
	select {
	case <-b.done:
		return s.show(b, "")
	case <-time.After(besideTimeout):
		b.end(syscall.SIGKILL)
		return "", fmt.Errorf("still running after %v; printed %q", besideTimeout, b.out.String())
	}
}

// show writes what a command that has ended printed.
func (s *session) show(b *beside, message string) (string, error) {
	s.last = b.out.String()
	var shown strings.Builder
	printed := s.last
	switch {
	case message == "sort":
		lines := strings.SplitAfter(printed, "\n")
		slices.SortFunc(lines, func(a, b string) int {
			return strings.Compare(s.names.stable(a), s.names.stable(b))
		})
		printed = strings.Join(lines, "")
	case message == "head":
		printed, _, _ = strings.Cut(printed, "\n")
	case message != "" && b.failed == nil:
		var err error
		if printed, err = decoded(message, printed); err != nil {
			return "", err
		}
	}
	shown.WriteString(withNewline(s.names.stable(printed)))
	for _, line := range strings.SplitAfter(s.names.stable(b.err.String()), "\n") {
		if line != "" {
			shown.WriteString(withNewline("! " + line))
		}
	}
	if code := b.cmd.ProcessState.ExitCode(); code > 0 {
		fmt.Fprintf(&shown, "[exit %d]\n", code)
	} else if code < 0 {
		fmt.Fprintf(&shown, "[%v]\n", b.failed)
	}
	return shown.String(), nil
}

func withNewline(text string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// decoded reads wire bytes as the named message and shows it as JSON.
func decoded(message, wire string) (string, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(message))
	if err != nil {
		return "", err
	}
	m := kind.New().Interface()
	if err := proto.Unmarshal([]byte(wire), m); err != nil {
		return "", err
	}
	text, err := json.Marshal(m)
	return string(text), err
}

// split splits a command line like a shell: words in single or double quotes
// may have spaces in them.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	open := false
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, open = c, true
		case c == ' ':
			if open || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("unclosed quote in %q", line)
	}
	if open || word.Len() > 0 {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("empty command")
	}
	return words, nil
}

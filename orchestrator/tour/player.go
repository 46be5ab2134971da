package tour

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Player is who takes the tour.
type Player struct {
	Dir     string            // where terminals begin
	Env     []string          // of terminals
	Enter   []string          // a command that runs what follows it where terminals are, such as nsenter; none for here
	Instead map[string]string // programs of other terminals: what is started where the page says what
	// See turns what was printed here into what a reader sees, such as the names of folders.
	See func(line string) string

	shell *shell
	other []*program // that run, the last one started last
}

// How long a command, a program's start, and a program's end may take.
const (
	commandTime = 60 * time.Second
	startTime   = 2 * time.Minute
	endTime     = 60 * time.Second
)

// Play runs a block's steps and returns for each what was printed. A step that can't be run ends it.
func (p *Player) Play(ctx context.Context, b *Block) (printed [][]string, err error) {
	for _, step := range b.Steps {
		var out string
		switch {
		case step.Command == interrupt:
			out, err = p.interrupt()
		case b.Other:
			out, err = p.start(step)
		default:
			out, err = p.run(ctx, step.Command)
		}
		if err != nil {
			return printed, fmt.Errorf("tour: line %d: %s: %w\n%s", b.Line, step.Command, err, out)
		}
		printed = append(printed, p.seen(out))
	}
	return printed, nil
}

// seen are the lines that a reader sees.
func (p *Player) seen(out string) []string {
	out = strings.TrimRight(out, newline)
	if out == "" {
		return nil
	}
	var lines []string
	for line := range strings.SplitSeq(out, newline) {
		if !noise.MatchString(line) {
			lines = append(lines, strings.TrimRight(p.See(line), " "))
		}
	}
	return lines
}

// command is a program where terminals are.
func (p *Player) command(words ...string) *exec.Cmd {
	words = append(append([]string{}, p.Enter...), words...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = p.Dir, p.Env
	// As programs in a terminal they are ended together; and none is left alone by a test that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	return cmd
}

// shell is the terminal that lasts.
type shell struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// endMark is what the shell prints after a command; no command prints it.
const endMark = "-- the command has ended --"

// run types a command into the terminal and returns what it prints.
func (p *Player) run(ctx context.Context, command string) (string, error) {
	if p.shell == nil {
		s, err := p.openShell()
		if err != nil {
			return "", err
		}
		p.shell = s
	}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	kill := context.AfterFunc(ctx, func() { p.shell.kill() }) // what it printed so far is read to the end then
	defer kill()
	if _, err := fmt.Fprintf(p.shell.in, "{ %s\n} </dev/null 2>&1\nprintf '\\n%s\\n'\n", command, endMark); err != nil {
		return "", err
	}
	var out strings.Builder
	for {
		line, err := p.shell.out.ReadString('\n')
		if line == endMark+newline {
			return strings.TrimSuffix(out.String(), newline), nil
		}
		out.WriteString(line)
		if err != nil {
			return out.String(), errors.Join(err, ctx.Err())
		}
	}
}

func (p *Player) openShell() (*shell, error) {
	s := &shell{cmd: p.command("bash", "--norc", "--noprofile")}
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.in, s.out = in, bufio.NewReader(out)
	return s, s.cmd.Start()
}

func (s *shell) kill() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) } // all that it runs; it may have ended

// program runs in another terminal.
type program struct {
	cmd   *exec.Cmd
	out   *output
	ended chan struct{}
}

// output is what a program has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// take returns what was printed; with drop it is forgotten.
func (o *output) take(drop bool) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.text.String()
	if drop {
		o.text.Reset()
	}
	return text
}

// start runs a program in another terminal until it has printed what is shown of it, or has had its time.
func (p *Player) start(step *Step) (string, error) {
	command := step.Command
	if instead, ok := p.Instead[command]; ok {
		command = instead
	}
	o := &output{}
	run := &program{cmd: p.command("bash", "-c", command), out: o, ended: make(chan struct{})}
	run.cmd.Stdout, run.cmd.Stderr = o, o
	if err := run.cmd.Start(); err != nil {
		return "", err
	}
	go func() {
		_ = run.cmd.Wait() // how it ended shows in what it printed
		close(run.ended)
	}()
	p.other = append(p.other, run)
	timeout := time.After(startTime)
	for !Begins(step.Output, p.seen(o.take(false))) {
		select {
		case <-run.ended:
			return o.take(true), errors.New("the program has ended")
		case <-timeout:
			return o.take(true), nil // whoever compares will say what is missing
		case <-time.After(100 * time.Millisecond):
		}
	}
	return o.take(true), nil
}

// interrupt presses Ctrl-C where a program was started last, and returns what it still had to say.
func (p *Player) interrupt() (string, error) {
	if len(p.other) == 0 {
		return "", errors.New("no program runs in another terminal")
	}
	run := p.other[len(p.other)-1]
	p.other = p.other[:len(p.other)-1]
	err := run.end()
	return run.out.take(true), err
}

// end interrupts the program, and kills it if that does not end it.
func (r *program) end() error {
	group := -r.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGINT) // it may have ended
	select {
	case <-r.ended:
		return nil
	case <-time.After(endTime):
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-r.ended
		return errors.New("the program did not end at Ctrl-C")
	}
}

// Close ends whatever still runs.
func (p *Player) Close() error {
	var errs []error
	for len(p.other) > 0 {
		_, err := p.interrupt()
		errs = append(errs, err)
	}
	if p.shell != nil {
		p.shell.kill()
		_ = p.shell.cmd.Wait() // killed, as it says
	}
	return errors.Join(errs...)
}

// environment is this process', without what would change what terminals print, and with more.
func environment(more ...string) []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "ETCD") && name != "KUBECONFIG" && name != "COLUMNS" && !strings.HasPrefix(name, "LC_") && name != "LANG" {
			env = append(env, e)
		}
	}
	return append(env, more...)
}

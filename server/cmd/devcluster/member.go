package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a member may take to stop before it is killed.
const stopGrace = 10 * time.Second

// member is one server process of the cluster.
type member struct {
	name       string
	clientPort int
	peerPort   int
	dataDir    string
	logPath    string

	cmd  *exec.Cmd
	done chan struct{} // closed once the process has ended
	err  error         // how it ended; read after done
}

// layout names size members and gives them the ports that etcd's own examples use: 2379, 22379, 32379, …
func layout(dataDir string, size int) []*member {
	members := make([]*member, size)
	for i := range members {
		port := 2379
		if i > 0 {
			port += 10000 * (i + 1)
		}
		name := fmt.Sprintf("member%d", i+1)
		members[i] = &member{
			name:       name,
			clientPort: port,
			peerPort:   port + 1,
			dataDir:    filepath.Join(dataDir, name),
			logPath:    filepath.Join(dataDir, name+".log"),
		}
	}
	return members
}

// initialCluster is the value of --initial-cluster that all of them share.
func initialCluster(members []*member) string {
	parts := make([]string, len(members))
	for i, m := range members {
		parts[i] = m.name + "=" + m.peerURL()
	}
	return strings.Join(parts, ",")
}

func (m *member) clientAddress() string { return fmt.Sprintf("127.0.0.1:%d", m.clientPort) }
func (m *member) peerURL() string       { return fmt.Sprintf("http://127.0.0.1:%d", m.peerPort) }

// start runs the member in a process group of its own, so that a Ctrl-C in the terminal reaches it through devcluster
// only, and sends the member to died when its process ends.
func (m *member) start(etcd, cluster string, died chan<- *member) error {
	logFile, err := os.OpenFile(m.logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close() // the child has its own copy
	client := "http://" + m.clientAddress()
	m.cmd = exec.Command(etcd,
		"--name", m.name,
		"--data-dir", m.dataDir,
		"--listen-client-urls", client,
		"--advertise-client-urls", client,
		"--listen-peer-urls", m.peerURL(),
		"--initial-advertise-peer-urls", m.peerURL(),
		"--initial-cluster", cluster,
		"--initial-cluster-token", "devcluster",
	)
	m.cmd.Stdout, m.cmd.Stderr = logFile, logFile
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", m.name, err)
	}
	m.done = make(chan struct{})
	go func() {
		m.err = m.cmd.Wait()
		close(m.done)
		died <- m
	}()
	return nil
}

// serving closes the channel it returns once the member answers its health check, or when ctx ends.
func (m *member) serving(ctx context.Context) <-chan struct{} {
	healthy := make(chan struct{})
	go func() {
		defer close(healthy)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			if m.healthy(ctx) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return healthy
}

func (m *member) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.clientAddress()+"/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// signaled tells whether a signal ended the process, which is done, before it could say a word.
func (m *member) signaled() bool {
	var exit *exec.ExitError
	return errors.As(m.err, &exit) && exit.ExitCode() < 0
}

// command is the line for a shell that starts the member again.
func (m *member) command() string { return strings.Join(m.cmd.Args, " ") }

// obituary is the error that says why the member's end was not wanted, with the last line of its log if it may have written
// that when it ended.
func (m *member) obituary() error {
	err := m.err
	if err == nil {
		err = errors.New("it exited")
	}
	if m.signaled() {
		return fmt.Errorf("%s ended: %w", m.name, err) // the log cannot know of it
	}
	logged, readErr := os.ReadFile(m.logPath)
	if readErr != nil {
		return fmt.Errorf("%s ended: %w", m.name, err)
	}
	lines := bytes.Split(bytes.TrimSpace(logged), []byte("\n"))
	return fmt.Errorf("%s ended: %w; the last line of %s: %s", m.name, err, m.logPath, lines[len(lines)-1])
}

// stopAll ends all members at once and waits for them.
func stopAll(members []*member) {
	for _, m := range members {
		if m.done != nil {
			_ = m.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		}
	}
	grace, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	for _, m := range members {
		if m.done == nil {
			continue
		}
		select {
		case <-m.done:
		case <-grace.Done():
			_ = m.cmd.Process.Kill()
			<-m.done
		}
	}
}

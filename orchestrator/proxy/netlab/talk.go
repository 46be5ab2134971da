package netlab

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// patience is how long a client waits for an answer that should come, or for one that should not.
const patience = 700 * time.Millisecond

// probe finds out whether this thread may have a namespace of its own.
func probe() error { return unix.Unshare(unix.CLONE_NEWNET) }

// Answer is what a server says to a client.
type Answer struct {
	Server string // its name
	Client string // the client's address, as the server sees it
}

// Serve answers on a port of the namespace, TCP and UDP, with the server's name and the client's address. Over TCP it then echoes.
func (n *Namespace) Serve(t testing.TB, port int) {
	t.Helper()
	require.NoError(t, n.Do(func() error {
		tcp, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		udp, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		t.Cleanup(func() {
			_ = tcp.Close()
			_ = udp.Close()
		})
		go n.serveTCP(tcp)
		go n.serveUDP(udp)
		return nil
	}))
}

func (n *Namespace) serveTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			fmt.Fprintln(c, n.says(c.RemoteAddr()))
			_, _ = io.Copy(c, c)
		}()
	}
}

func (n *Namespace) serveUDP(c net.PacketConn) {
	buffer := make([]byte, 64)
	for {
		_, from, err := c.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = c.WriteTo([]byte(n.says(from)+"\n"), from)
	}
}

func (n *Namespace) says(client net.Addr) string {
	host, _, _ := net.SplitHostPort(client.String())
	return n.Name + " " + strings.TrimPrefix(host, "::ffff:")
}

// Ask connects by TCP from the namespace and returns the answer.
func (n *Namespace) Ask(address string) (Answer, error) { return n.ask("tcp", address, nil) }

// AskUDP sends a datagram from a port of the namespace, any if it is 0, and returns the answer.
func (n *Namespace) AskUDP(address string, from int) (Answer, error) {
	return n.ask("udp", address, &net.UDPAddr{Port: from})
}

func (n *Namespace) ask(network, address string, from net.Addr) (answer Answer, err error) {
	c, err := n.Dial(network, address, from)
	if err != nil {
		return answer, err
	}
	defer c.Close()
	if network == "udp" {
		if _, err := c.Write([]byte("?")); err != nil {
			return answer, err
		}
	}
	return Hear(c)
}

// Dial connects from the namespace, and from an address of it unless that is nil. The connection has little time.
func (n *Namespace) Dial(network, address string, from net.Addr) (c net.Conn, err error) {
	err = n.Do(func() error {
		dialer := net.Dialer{Timeout: patience, LocalAddr: from}
		if c, err = dialer.Dial(network, address); err != nil {
			return err
		}
		return c.SetDeadline(time.Now().Add(patience))
	})
	return c, err
}

// Hear reads what a server says.
func Hear(c net.Conn) (answer Answer, err error) {
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return answer, err
	}
	_, err = fmt.Sscan(line, &answer.Server, &answer.Client)
	return answer, err
}

// Run runs a program in the namespace and returns what it prints.
func (n *Namespace) Run(t testing.TB, program string, args ...string) string {
	t.Helper()
	var out []byte
	require.NoError(t, n.Do(func() (err error) {
		out, err = exec.Command(program, args...).CombinedOutput()
		return err
	}), "%s: %s", program, out)
	return string(out)
}

package robustness

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSenderReadsTheMemberID(t *testing.T) {
	for text, want := range map[string]uint64{
		"GET /raft HTTP/1.1\r\nHost: a\r\nX-Server-From: 8e9e05c52164694d\r\n\r\n": 0x8e9e05c52164694d,
		"GET /version HTTP/1.1\r\nHost: a\r\n\r\n":                                 0,
		"GET / HTTP/1.1\r\nX-Server-From: nonsense\r\n\r\n":                        0,
		"GET / HTTP/1.1\r\nX-Serv":                                                 0,
	} {
		// One byte at a time, as a slow network may deliver.
		require.Equal(t, want, sender(bufio.NewReaderSize(iotestOneByte{strings.NewReader(text)}, headerMax)), text)
	}
}

// iotestOneByte reads a byte at a time.
type iotestOneByte struct{ r *strings.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.r.Read(p[:1])
}

// TestCutLinksLoseTheirConnections: m1 and m2 talk to m0; only m1 is cut off.
func TestCutLinksLoseTheirConnections(t *testing.T) {
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer served.Close()
	n := newNetwork()
	defer n.Close()
	url := n.attach("m0", served.URL)
	require.NoError(t, n.err)
	n.setNames(map[uint64]string{1: "m1", 2: "m2"})

	ask := func(conn net.Conn, id int) error {
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Server-From: %x\r\n\r\n", id); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	one, two := dial(), dial()
	require.NoError(t, ask(one, 1))
	require.NoError(t, ask(two, 2))

	n.Cut([]string{"m1"}, []string{"m0", "m2"})
	require.Error(t, ask(one, 1), "an open connection of a cut link")
	require.Error(t, ask(dial(), 1), "a new connection of a cut link")
	require.NoError(t, ask(two, 2))
	require.NoError(t, ask(dial(), 2))

	n.Heal()
	require.NoError(t, ask(dial(), 1))
}

// TestHeldWaysPassLate: what m0 answers to m1 is held, what m1 asks is not.
func TestHeldWaysPassLate(t *testing.T) {
	asked := make(chan string, 2)
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("X-Server-From")
		fmt.Fprint(w, "hello")
	}))
	defer served.Close()
	n := newNetwork()
	defer n.Close()
	url := n.attach("m0", served.URL)
	require.NoError(t, n.err)
	n.setNames(map[uint64]string{1: "m1", 2: "m2"})
	n.Hold([]string{"m0"}, []string{"m1"})

	answered := make(chan string, 2)
	for _, id := range []string{"1", "2"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Server-From: %s\r\n\r\n", id)
		require.NoError(t, err)
		go func() {
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				answered <- id
			}
		}()
	}
	require.ElementsMatch(t, []string{"1", "2"}, []string{<-asked, <-asked})
	require.Equal(t, "2", <-answered)
	select {
	case id := <-answered:
		require.Fail(t, "nothing passes a way that is held", id)
	default:
	}
	n.Heal()
	require.Equal(t, "1", <-answered)
}

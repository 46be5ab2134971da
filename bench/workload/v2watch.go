package workload

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/petcd/petcd/bench/driver"
)

// v2Number is how many letters of a value tell which write it is of.
const v2Number = 16

// V2Watch sets a key per operation by API 2; the operation ends when every watcher of the key has its event. Each watcher has a
// connection, as HTTP/1.1 wants, and a stream of events.
type V2Watch struct {
	Data
	Watchers int // of all keys, which have as many each

	deliveries
}

// Prepare makes the keys.
func (w *V2Watch) Prepare(ctx context.Context, conns []Conn) error {
	if w.Values.Size < v2Number {
		return fmt.Errorf("%w: a value watched by API 2 has at least %d bytes", ErrParameters, v2Number)
	}
	if w.Watchers < 1 || uint64(w.Watchers)%w.Keys.Space != 0 {
		return fmt.Errorf("%w: %d watchers of %d keys", ErrParameters, w.Watchers, w.Keys.Space)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return w.loadV2(ctx, conns)
}

// Units implements Watching.
func (w *V2Watch) Units() int { return w.Watchers / int(w.Keys.Space) }

// Clients opens the watches and makes the clients that set.
func (w *V2Watch) Clients(ctx context.Context, conns []Conn, count int) ([]driver.Client, error) {
	w.begin()
	for i := range w.Watchers {
		opened, err := dialHTTP(ctx, conns[i%len(conns):i%len(conns)+1])
		if err != nil {
			return nil, err
		}
		if err := w.open(ctx, opened[0], uint64(i)%w.Keys.Space); err != nil {
			return nil, fmt.Errorf("workload: open a watch by API 2: %w", err)
		}
	}
	setters, err := v2Setters(ctx, w.Data, conns, count)
	if err != nil {
		return nil, err
	}
	var clients []driver.Client
	for _, s := range setters {
		clients = append(clients, &v2WatchedSetter{w: w, v2Setter: s.(*v2Setter)})
	}
	return clients, nil
}

// open begins the watch of one key, waits until it is there, and starts reading.
func (w *V2Watch) open(ctx context.Context, conn *httpConn, index uint64) error {
	c := v2Setter{data: w.Data, conn: conn}
	resp, err := conn.ask(append(c.begin(http.MethodGet, index, "?wait=true&stream=true"), "\r\n"...))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s", ErrAnswer, resp.Status)
	}
	go w.read(ctx, resp)
	return nil
}

// read takes events until the stream ends.
func (w *V2Watch) read(ctx context.Context, resp *http.Response) {
	start, answer := w.sinceStart.Recorder(), w.sinceAnswer.Recorder()
	// An event holds two values, the new and the previous.
	lines := bufio.NewReaderSize(resp.Body, 2*w.Values.Size+1024)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			w.fail(ctx, err)
			return
		}
		if n, ok := v2WriteOf(line); ok {
			w.arrived(n, start, answer)
		}
	}
}

// v2WriteOf finds in an event the number of the write: its value begins with it, and stands before the previous one.
func v2WriteOf(event []byte) (uint64, bool) {
	const name = `"value":"`
	at := bytes.Index(event, []byte(name))
	if at < 0 || len(event) < at+len(name)+v2Number {
		return 0, false
	}
	n, err := strconv.ParseUint(string(event[at+len(name):at+len(name)+v2Number]), 16, 64)
	return n, err == nil
}

// v2WatchedSetter sets and waits for the events.
type v2WatchedSetter struct {
	w *V2Watch
	*v2Setter
}

func (c *v2WatchedSetter) Do(ctx context.Context, n uint64) error {
	c.data.Values.Fill(c.value, n)
	text(c.value)
	copy(c.value, fmt.Sprintf("%016x", n))
	c.compose(c.data.Keys.Index(n))
	return c.w.write(ctx, n, c.w.Units(), c.send)
}

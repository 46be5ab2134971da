package workload

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/petcd/petcd/bench/driver"
)

// v2Dir is the directory of all keys by API 2.
const v2Dir = "/v2/keys/bench/"

// V2Set writes one key per operation by API 2.
type V2Set struct {
	Data
}

// Prepare has nothing to do: the first writes create the keys.
func (w *V2Set) Prepare(context.Context, []Conn) error { return nil }

// Clients implements Workload.
func (w *V2Set) Clients(ctx context.Context, conns []Conn, count int) ([]driver.Client, error) {
	return v2Setters(ctx, w.Data, conns, count)
}

// v2Setters makes clients that set.
func v2Setters(ctx context.Context, d Data, conns []Conn, count int) ([]driver.Client, error) {
	opened, err := dialHTTP(ctx, conns)
	if err != nil {
		return nil, err
	}
	var clients []driver.Client
	for i := range count {
		clients = append(clients, &v2Setter{data: d, conn: opened[i%len(opened)], value: make([]byte, d.Values.Size)})
	}
	return clients, nil
}

// v2Setter reuses its buffers.
type v2Setter struct {
	data         Data
	conn         *httpConn
	value        []byte
	request, got []byte
}

func (c *v2Setter) Do(_ context.Context, n uint64) error {
	c.fill(c.data.Keys.Index(n), n)
	return c.send()
}

// fill makes the request that sets key index to the value of operation n.
func (c *v2Setter) fill(index, n uint64) {
	c.data.Values.Fill(c.value, n)
	text(c.value)
	c.compose(index)
}

// compose writes the request with the value as it is.
func (c *v2Setter) compose(index uint64) {
	r := c.begin(http.MethodPut, index, "")
	r = append(r, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
	r = strconv.AppendInt(r, int64(len("value=")+len(c.value)), 10)
	r = append(r, "\r\n\r\nvalue="...)
	c.request = append(r, c.value...)
}

// begin writes a request's first lines.
func (c *v2Setter) begin(method string, index uint64, query string) []byte {
	r := append(append(c.request[:0], method...), ' ')
	r = append(r, v2Dir...)
	for range c.data.Keys.Size {
		r = append(r, 0)
	}
	c.data.Keys.Fill(r[len(r)-c.data.Keys.Size:], index)
	r = append(append(append(r, query...), " HTTP/1.1\r\nHost: "...), c.conn.host...)
	return append(r, "\r\n"...)
}

// send asks for the change.
func (c *v2Setter) send() error {
	status, got, err := c.conn.do(c.request, c.got)
	c.got = got
	if err == nil && status != http.StatusOK && status != http.StatusCreated {
		err = fmt.Errorf("%w: %d %s", ErrAnswer, status, got)
	}
	return err
}

// letters are what a form has unescaped.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// text turns bytes into letters: API 2's values are text, and escaping them would be measured, too.
func text(value []byte) {
	for i, b := range value {
		value[i] = letters[b&63]
	}
}

// V2Get reads one existing key per operation by API 2.
type V2Get struct {
	Data
	Quorum bool // linearizable
}

// Prepare writes every key once.
func (w *V2Get) Prepare(ctx context.Context, conns []Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return w.Data.loadV2(ctx, conns)
}

// loadV2 sets every key once.
func (d Data) loadV2(ctx context.Context, conns []Conn) error {
	d.Keys.Sequential = true
	clients, err := v2Setters(ctx, d, conns, len(conns))
	if err != nil {
		return err
	}
	if res := driver.Run(ctx, clients, driver.Load{Ops: d.Keys.Space}); res.Done != d.Keys.Space {
		return fmt.Errorf("workload: load keys by API 2: %d of %d: %v", res.Done, d.Keys.Space, res.Errors)
	}
	return nil
}

// Clients implements Workload.
func (w *V2Get) Clients(ctx context.Context, conns []Conn, count int) ([]driver.Client, error) {
	opened, err := dialHTTP(ctx, conns)
	if err != nil {
		return nil, err
	}
	query := ""
	if w.Quorum {
		query = "?quorum=true"
	}
	var clients []driver.Client
	for i := range count {
		clients = append(clients, &v2Getter{v2Setter: v2Setter{data: w.Data, conn: opened[i%len(opened)]}, query: query})
	}
	return clients, nil
}

// v2Getter reads with a setter's buffers.
type v2Getter struct {
	v2Setter
	query string
}

func (c *v2Getter) Do(_ context.Context, n uint64) error {
	c.request = append(c.begin(http.MethodGet, c.data.Keys.Index(n), c.query), "\r\n"...)
	return c.send()
}

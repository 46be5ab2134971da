package v2

import (
	"context"
	"io"
	"time"

	"github.com/urfave/cli"
	client "go.etcd.io/etcd/client/v2"
)

// keyArgument is the key that the command is about.
func keyArgument(call *cli.Context) (string, error) {
	if !call.Args().Present() {
		return "", badArgs("key required")
	}
	return call.Args().First(), nil
}

// keyAndValue are the arguments of a command that writes a value. A value that
// is no argument is read from standard input to its end, and is not empty.
func (c *ctl) keyAndValue(call *cli.Context) (key, value string, err error) {
	if key, err = keyArgument(call); err != nil {
		return "", "", err
	}
	if call.NArg() > 1 {
		return key, call.Args().Get(1), nil
	}
	if _, _, err := c.credentials(); err != nil { // a password comes before the value
		return "", "", plain(err)
	}
	input, err := io.ReadAll(c.Stdin)
	if err != nil || len(input) == 0 {
		return "", "", badArgs("value required")
	}
	return key, string(input), nil
}

// ttlFlag is the flag --ttl, 0 for none.
func ttlFlag() cli.Flag {
	return cli.IntFlag{Name: "ttl", Usage: "the time in seconds until it expires"}
}

// ttl is what the flag says.
func ttl(call *cli.Context) time.Duration { return time.Duration(call.Int("ttl")) * time.Second }

// request connects and sends one request for a key within the time for a
// command.
func (c *ctl) request(send func(ctx context.Context, keys client.KeysAPI) (*client.Response, error)) (*client.Response, error) {
	keys, err := c.keys()
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.context()
	defer cancel()
	reply, err := send(ctx, keys)
	if err != nil {
		return nil, fail(exitServerError, err)
	}
	return reply, nil
}

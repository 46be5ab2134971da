package v2

import (
	"context"
	"fmt"

	client "go.etcd.io/etcd/client/v2"
)

// with connects and gives one of the APIs to f, for the time that a command has. The errors of f are shown as they are.
func with[API any](c *ctl, newAPI func(client.Client) API, f func(ctx context.Context, api API) error) error {
	return withAsking(c, func() error { return nil }, newAPI, f)
}

// withAsking does the same for a command that asks for a password: ask comes once it is known whom to connect to, and its
// time is not the command's.
func withAsking[API any](
	c *ctl, ask func() error, newAPI func(client.Client) API, f func(ctx context.Context, api API) error,
) error {
	cl, err := c.connect()
	if err != nil {
		return err
	}
	if err := ask(); err != nil {
		return plain(fmt.Errorf("Error reading password: %w", err))
	}
	ctx, cancel := c.context()
	defer cancel()
	if err := f(ctx, newAPI(cl)); err != nil {
		return plain(err)
	}
	return nil
}

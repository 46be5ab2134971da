package v2

import (
	"encoding/json"
	"fmt"

	client "go.etcd.io/etcd/client/v2"
)

// The values of --output.
const (
	formatSimple   = "simple"
	formatExtended = "extended"
	formatJSON     = "json"
)

// actionDelete is the action of a reply whose node has no value any more.
const actionDelete = "delete"

// printKey shows a reply about a key. An unknown format is told of and is no
// error: by now the request has been carried out.
func (c *ctl) printKey(reply *client.Response) error {
	switch c.flags.output {
	case formatSimple:
		c.printValue(reply)
	case formatExtended:
		c.printExtended(reply)
	case formatJSON:
		text, err := json.Marshal(reply)
		if err != nil {
			return fail(exitServerError, err)
		}
		c.println(string(text))
	default:
		fmt.Fprintln(c.Stderr, "Unsupported output format:", c.flags.output)
	}
	return nil
}

// printValue shows the value alone: of a key that is gone, the one it had.
func (c *ctl) printValue(reply *client.Response) {
	if reply.Action != actionDelete {
		c.println(reply.Node.Value)
		return
	}
	c.println("PrevNode.Value:", previousValue(reply))
}

// printExtended shows what is known of the key in lines like a mail's header,
// with the value as the body.
func (c *ctl) printExtended(reply *client.Response) {
	c.println("Key:", reply.Node.Key)
	c.println("Created-Index:", reply.Node.CreatedIndex)
	c.println("Modified-Index:", reply.Node.ModifiedIndex)
	if reply.PrevNode != nil {
		c.println("PrevNode.Value:", reply.PrevNode.Value)
	}
	c.println("TTL:", reply.Node.TTL)
	c.println("Index:", reply.Index)
	if reply.Action != actionDelete {
		c.printf("\n%s\n", reply.Node.Value)
	}
}

// previousValue is the value before the action, empty if the reply has none.
func previousValue(reply *client.Response) string {
	if reply.PrevNode == nil {
		return ""
	}
	return reply.PrevNode.Value
}

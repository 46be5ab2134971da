package v3

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func (c *ctl) txnCommand() *cobra.Command {
	var interactive bool
	cmd := &cobra.Command{
		Use:   "txn [options]",
		Short: "Reads conditions and requests from standard input and runs them as one transaction",
		Long: `Reads conditions and requests from standard input and runs them as one transaction.

The input has three parts, each ended by an empty line: the conditions, the
requests to run if all of them hold, and the requests to run otherwise.

  mod("key1") > "0"

  put key1 "there was one"

  put key1 "there was none"
  put key2 'some more'

Conditions compare value, version, create, mod or lease of a key by = != < >.
Requests are put, get and del with the flags those commands have.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.txn(cmd, args, interactive)
		}),
	}
	cmd.Flags().BoolVarP(&interactive, "interactive", "i", false, "say which part is read next")
	return cmd
}

func (c *ctl) txn(cmd *cobra.Command, args []string, interactive bool) error {
	if len(args) != 0 {
		return badArgs("txn command does not accept argument")
	}
	cli, err := c.connect(cmd)
	if err != nil {
		return err
	}
	prompt := func(part string) {
		if interactive {
			fmt.Fprintln(c.Stdout, part)
		}
	}
	lines := bufio.NewReader(c.Stdin)
	prompt("compares:")
	conditions, err := readPart(lines, parseCompare)
	if err != nil {
		return err
	}
	prompt("success requests (get, put, del):")
	success, err := readPart(lines, c.parseRequest)
	if err != nil {
		return err
	}
	prompt("failure requests (get, put, del):")
	failure, err := readPart(lines, c.parseRequest)
	if err != nil {
		return err
	}
	// No timeout: a person may have typed for longer than one.
	resp, err := cli.Txn(context.Background()).If(conditions...).Then(success...).Else(failure...).Commit()
	if err != nil {
		return err
	}
	return c.show.Print(resp)
}

// readPart parses lines up to an empty one. The input may not end before it.
func readPart[T any](lines *bufio.Reader, parse func(line string) (T, error)) ([]T, error) {
	var part []T
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, invalidInput("%w", err)
		}
		line = strings.TrimSpace(line)
		if line == "" {
			return part, nil
		}
		one, err := parse(line)
		if err != nil {
			if exitCode(err) == exitError {
				err = invalidInput("%w", err)
			}
			return nil, err
		}
		part = append(part, one)
	}
}

// parseRequest reads one request of a transaction: a put, get or del, or the
// beginning of one of these words, with its arguments and flags.
func (c *ctl) parseRequest(line string) (clientv3.Op, error) {
	words, err := splitWords(line)
	if err != nil {
		return clientv3.Op{}, err
	}
	if len(words) < 2 {
		return clientv3.Op{}, fmt.Errorf("invalid txn compare request: %s", line)
	}
	var (
		put putFlags
		get getFlags
		del delFlags

		fs = pflag.NewFlagSet("request", pflag.ContinueOnError)
		op func(args []string) (clientv3.Op, error)
	)
	isOne := func(name string) bool { return words[0] != "" && strings.HasPrefix(name, words[0]) }
	switch {
	case isOne("put"):
		put.register(fs)
		// The transaction is standard input: a value cannot come from there.
		op = func(args []string) (clientv3.Op, error) { return put.op(args, strings.NewReader("")) }
	case isOne("get"):
		get.register(fs)
		op = get.op
	case isOne("del"):
		del.register(fs)
		op = func(args []string) (clientv3.Op, error) { return del.op(args, c.Stderr) }
	default:
		return clientv3.Op{}, fmt.Errorf("invalid txn request: %s", line)
	}
	fs.Usage = func() {}
	if err := fs.Parse(words[1:]); err != nil {
		return clientv3.Op{}, fmt.Errorf("invalid txn request: %s", line)
	}
	return op(fs.Args())
}

package v2

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// askPassword reads a password: from the terminal, unseen, or else the first
// line of standard input.
func (c *ctl) askPassword(prompt string) (string, error) {
	if password, asked, err := c.ReadPassword(prompt); asked {
		return password, err
	}
	fmt.Fprint(c.Stdout, prompt)
	defer c.println()
	return c.readLine()
}

// readLine reads a line byte by byte: what follows it on standard input may be
// the value of a key.
func (c *ctl) readLine() (string, error) {
	var line strings.Builder
	for b := make([]byte, 1); ; {
		n, err := c.Stdin.Read(b)
		if n == 1 && b[0] == '\n' || errors.Is(err, io.EOF) {
			return strings.TrimSuffix(line.String(), "\r"), nil
		}
		if err != nil {
			return "", err
		}
		line.Write(b[:n])
	}
}

package shim

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// maxMessage bounds what one side makes the other hold in memory.
const maxMessage = 16 << 20

// maxDescriptors is how many files come with a message at most.
const maxDescriptors = 3

// errBroken is said of a peer that sends what isn't a message.
var errBroken = errors.New("shim: not a message")

// conn is one side of a connection: messages of JSON behind their length, with files in their train.
type conn struct{ *net.UnixConn }

// send writes a message. The files stay the sender's.
func (c conn) send(message any, files ...int) error {
	data, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	data = append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	n, _, err := c.WriteMsgUnix(data, rights, nil)
	if err != nil {
		return fmt.Errorf("shim: %w", err)
	}
	if n < len(data) {
		if _, err = c.Write(data[n:]); err != nil {
			return fmt.Errorf("shim: %w", err)
		}
	}
	return nil
}

// receive reads a message and gives the files that came with it, which are now the receiver's.
func (c conn) receive(message any) (files []int, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	var header [4]byte
	rights := make([]byte, unix.CmsgSpace(4*maxDescriptors))
	n, oobn, _, _, err := c.ReadMsgUnix(header[:], rights)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	if files, err = received(rights[:oobn]); err != nil {
		return files, err
	}
	if _, err := io.ReadFull(c, header[n:]); err != nil {
		return files, err
	}
	length := binary.BigEndian.Uint32(header[:])
	if length > maxMessage {
		return files, fmt.Errorf("%w: of %d bytes", errBroken, length)
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(c, data); err != nil {
		return files, err
	}
	if err := json.Unmarshal(data, message); err != nil {
		return files, fmt.Errorf("%w: %w", errBroken, err)
	}
	return files, nil
}

// received are the files in a control message. Go sets close-on-exec on what it receives.
func received(rights []byte) (files []int, err error) {
	if len(rights) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, fmt.Errorf("%w: %w", errBroken, err)
		}
		files = append(files, fds...)
	}
	return files, nil
}

// closeAll closes files that are not to be kept.
func closeAll(files []int) {
	for _, fd := range files {
		_ = unix.Close(fd)
	}
}

package shim

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// idle is how long a sender of datagrams is remembered who has sent nothing more.
const idle = 3 * time.Minute

// maxSenders bounds the senders of datagrams to a port, each of which takes memory and a file: their addresses are easily made up.
const maxSenders = 1024

// forward opens ports of the node that lead to the pod. They close with the shim.
func forward(ports []Port) error {
	var opened []io.Closer
	for _, p := range ports {
		var c io.Closer
		var err error
		switch p.Network {
		case "tcp":
			c, err = forwardTCP(p)
		case "udp":
			c, err = forwardUDP(p)
		default:
			err = errors.New("an unknown protocol")
		}
		if err != nil {
			for _, o := range opened {
				_ = o.Close()
			}
			return fmt.Errorf("port of the node: %s %s: %w", p.Network, p.Listen, err)
		}
		opened = append(opened, c)
	}
	return nil
}

// forwardTCP passes on connections.
func forwardTCP(p Port) (io.Closer, error) {
	l, err := net.Listen("tcp", p.Listen)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			from, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond) // no files left; some will be closed
				continue
			}
			go passOn(from, p.Target)
		}
	}()
	return l, nil
}

// passOn copies in both directions until both are done.
func passOn(from net.Conn, target string) {
	defer func() { _ = from.Close() }()
	to, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{to, from}, {from, to}} {
		both.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			if half, ok := pair[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
		})
	}
	both.Wait()
}

// forwardUDP passes on datagrams, and the answers to whoever has sent them.
func forwardUDP(p Port) (io.Closer, error) {
	l, err := net.ListenPacket("udp", p.Listen)
	if err != nil {
		return nil, err
	}
	go func() {
		var mu sync.Mutex
		senders := map[string]net.Conn{}
		data := make([]byte, 1<<16)
		for {
			n, sender, err := l.ReadFrom(data)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			mu.Lock()
			to := senders[sender.String()]
			if to == nil && len(senders) >= maxSenders {
				mu.Unlock()
				continue
			}
			if to == nil {
				if to, err = net.Dial("udp", p.Target); err == nil {
					senders[sender.String()] = to
					go func() {
						answers(l, to, sender)
						mu.Lock()
						delete(senders, sender.String())
						mu.Unlock()
					}()
				}
			}
			mu.Unlock()
			if err == nil {
				_ = to.SetReadDeadline(time.Now().Add(idle))
				_, _ = to.Write(data[:n])
			}
		}
	}()
	return l, nil
}

// answers passes on what comes back to a sender, until nothing has come for long.
func answers(l net.PacketConn, from net.Conn, sender net.Addr) {
	defer func() { _ = from.Close() }()
	data := make([]byte, 1<<16)
	for {
		n, err := from.Read(data)
		if errors.Is(err, net.ErrClosed) || isTimeout(err) {
			return
		}
		if err == nil {
			_, _ = l.WriteTo(data[:n], sender)
		}
	}
}

// isTimeout says whether a deadline has passed.
func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

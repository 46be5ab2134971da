package main

import (
	"net"
)

// defaultHost is the address that this machine's packets to elsewhere come
// from: the one to advertise when none was given. It sends nothing; to connect
// a UDP socket only asks the routing table.
func defaultHost() (string, error) {
	conn, err := net.Dial("udp4", "192.0.2.1:9") // an address of no machine (RFC 5737)
	if err != nil {
		if conn, err = net.Dial("udp6", "[2001:db8::1]:9"); err != nil {
			return "", err
		}
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}

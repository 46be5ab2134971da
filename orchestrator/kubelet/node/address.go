package node

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Addresses are the node's own: those given, or else one of the interface that the default route leaves by, or else any that isn't loopback.
func Addresses(given []net.IP) ([]net.IP, error) {
	var ips []net.IP
	for _, ip := range given {
		if !ip.IsUnspecified() {
			ips = append(ips, ip)
		}
	}
	if len(ips) > 0 {
		return ips, nil
	}
	if name := defaultInterface(); name != "" {
		if i, err := net.InterfaceByName(name); err == nil {
			if ip := firstAddress(i); ip != nil {
				return []net.IP{ip}, nil
			}
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		if ip := firstAddress(&i); ip != nil {
			return []net.IP{ip}, nil
		}
	}
	return nil, errors.New("addresses: this node has none but loopback; --node-ip can name one")
}

func firstAddress(i *net.Interface) net.IP {
	addresses, err := i.Addrs()
	if err != nil {
		return nil
	}
	for _, a := range addresses {
		if n, is := a.(*net.IPNet); is && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP
		}
	}
	return nil
}

// defaultInterface is the one that the IPv4 default route leaves by, or "".
func defaultInterface() string {
	text, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return ""
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 8 {
			continue
		}
		if target, err := hex.DecodeString(words[1] + words[7]); err == nil && net.IP(target[:4]).Equal(net.IPv4zero) && string(target[4:]) == "\x00\x00\x00\x00" {
			return words[0]
		}
	}
	return ""
}

func nodeAddresses(ips []net.IP, hostname string) []v1.NodeAddress {
	var out []v1.NodeAddress
	for _, ip := range ips {
		out = append(out, v1.NodeAddress{Type: v1.NodeInternalIP, Address: ip.String()})
	}
	return append(out, v1.NodeAddress{Type: v1.NodeHostName, Address: hostname})
}

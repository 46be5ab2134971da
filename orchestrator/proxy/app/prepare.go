package app

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"k8s.io/klog/v2"
)

// prepare sets what the system lets it set. What it can't, as in a container or with fewer rights, is said and left: the rules work without.
func (o *Options) prepare(ctx context.Context) {
	logger := klog.FromContext(ctx)
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(int(*o.Config.OOMScoreAdj))), 0); err != nil {
		logger.V(2).Info("Can't set oom_score_adj", "reason", err.Error())
	}
	for name, value := range o.sysctls() {
		if err := raise(name, value, name == sysctlMax); err != nil {
			logger.Info("Can't set a parameter of connection tracking", "name", name, "value", value, "reason", err.Error())
		}
	}
	for _, name := range []string{"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"} {
		if value, err := os.ReadFile(filepath.Join(sysctls, name)); err != nil || strings.TrimSpace(string(value)) != "1" {
			logger.Info("Pods on one bridge may not reach each other by Services: what the bridge carries isn't translated", "sysctl", name)
		}
	}
}

const (
	sysctls   = "/proc/sys/net"
	sysctlMax = "netfilter/nf_conntrack_max"
)

// sysctls are the parameters of connection tracking that the configuration asks for.
func (o *Options) sysctls() map[string]int {
	c := &o.Config.Conntrack
	all := map[string]int{}
	if c.MaxPerCore != nil && *c.MaxPerCore > 0 {
		all[sysctlMax] = int(*c.MaxPerCore) * runtime.NumCPU()
		if c.Min != nil {
			all[sysctlMax] = max(all[sysctlMax], int(*c.Min))
		}
	}
	seconds := func(name string, d time.Duration) {
		if d > 0 {
			all["netfilter/nf_conntrack_"+name] = int(d / time.Second)
		}
	}
	if c.TCPEstablishedTimeout != nil {
		seconds("tcp_timeout_established", c.TCPEstablishedTimeout.Duration)
	}
	if c.TCPCloseWaitTimeout != nil {
		seconds("tcp_timeout_close_wait", c.TCPCloseWaitTimeout.Duration)
	}
	seconds("udp_timeout", c.UDPTimeout.Duration)
	seconds("udp_timeout_stream", c.UDPStreamTimeout.Duration)
	if c.TCPBeLiberal {
		all["netfilter/nf_conntrack_tcp_be_liberal"] = 1
	}
	return all
}

// raise sets a parameter that differs. A limit is never lowered: somebody may have had reasons.
func raise(name string, value int, limit bool) error {
	file := filepath.Join(sysctls, name)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if now, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && (now == value || (limit && now > value)) {
		return nil
	}
	return os.WriteFile(file, []byte(strconv.Itoa(value)), 0)
}

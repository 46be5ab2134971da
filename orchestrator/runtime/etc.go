package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// writeEtc writes the files of /etc that a pod's containers share, into the pod's folder.
func writeEtc(dir string, c *runtimeapi.PodSandboxConfig) error {
	resolv := resolvConf(c.GetDnsConfig())
	if c.GetDnsConfig() == nil {
		node, err := os.ReadFile("/etc/resolv.conf")
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("runtime: %w", err)
		}
		resolv = string(node)
	}
	hostname := c.GetHostname()
	if hostNetwork(c) {
		node, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
		hostname = node
	}
	hosts := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
	if hostNetwork(c) {
		if node, err := os.ReadFile("/etc/hosts"); err == nil {
			hosts = string(node)
		}
	}
	for name, content := range map[string]string{"resolv.conf": resolv, "hostname": hostname + "\n", "hosts": hosts} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
	}
	return nil
}

// resolvConf is the file that says how names are resolved.
func resolvConf(c *runtimeapi.DNSConfig) string {
	var b strings.Builder
	if len(c.GetSearches()) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(c.Searches, " "))
	}
	for _, s := range c.GetServers() {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(c.GetOptions()) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(c.Options, " "))
	}
	return b.String()
}

package images

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// recipe says what is in an image beside the base that all have. A part is a layer, so that images that share one share its bytes.
type recipe struct {
	name   string
	parts  []part
	tags   []string // beside the build's own
	config v1.Config
}

// part adds its files to a layer. bin is the folder of our programs.
type part func(f filesystem, bin string) error

// nobody is who programs run as that need no rights.
const nobody = "65532:65532"

// recipes are the images that there are.
func recipes() []recipe {
	all := []recipe{
		{name: "pause", parts: []part{ours("/pause", "pause")}, config: v1.Config{Entrypoint: []string{"/pause"}, User: "65535:65535"}},
		{name: "busybox", parts: []part{busybox}, config: v1.Config{Cmd: []string{"sh"}}},
		{
			name: "web", tags: []string{"v1", "v2"},
			parts: []part{busybox, ours("/usr/local/bin/web", "web")},
			config: v1.Config{
				Entrypoint: []string{"/usr/local/bin/web"}, User: nobody, ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			},
		},
		{
			name:  "etcd",
			parts: []part{busybox, ours("/usr/local/bin/etcd", "etcd"), ours("/usr/local/bin/etcdctl", "etcdctl"), ours("/usr/local/bin/etcdutl", "etcdutl")},
			config: v1.Config{
				Entrypoint: []string{"/usr/local/bin/etcd"}, Env: []string{"ETCDCTL_API=3"},
				ExposedPorts: map[string]struct{}{"2379/tcp": {}, "2380/tcp": {}},
			},
		},
		{
			name:   "kube-proxy",
			parts:  []part{packetFilters, ours("/usr/local/bin/kube-proxy", "kube-proxy")},
			config: v1.Config{Entrypoint: []string{"/usr/local/bin/kube-proxy"}},
		},
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "cluster-dns"} {
		path := "/usr/local/bin/" + name
		all = append(all, recipe{name: name, parts: []part{ours(path, name)}, config: v1.Config{Entrypoint: []string{path}}})
	}
	slices.SortFunc(all, func(a, b recipe) int { return strings.Compare(a.name, b.name) })
	return all
}

// base is what any program may look for.
func base(f filesystem, _ string) error {
	f.directory("/tmp", 0o777|os.ModeSticky)
	f.directory("/root", 0o700)
	f.directory("/run", 0o755)
	f.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65532:65532:nobody:/:/bin/false\n")
	f.text("/etc/group", "root:x:0:\nnobody:x:65532:\n")
	f.text("/etc/nsswitch.conf", "hosts: files dns\n")
	return nil
}

// ours is a program of this project.
func ours(name, program string) part {
	return func(f filesystem, bin string) error {
		host := filepath.Join(bin, program)
		if _, err := os.Stat(host); err != nil {
			return fmt.Errorf("images: %s isn't built: %w", program, err)
		}
		return f.program(name, host)
	}
}

// busybox is a shell and the usual small commands.
func busybox(f filesystem, _ string) error {
	host, err := find("busybox", "busybox-static")
	if err != nil {
		return err
	}
	if err := f.program("/bin/busybox", host); err != nil {
		return err
	}
	applets, err := exec.Command(host, "--list").Output()
	if err != nil {
		return fmt.Errorf("images: the commands of busybox: %w", err)
	}
	for _, name := range strings.Fields(string(applets)) {
		if name != "busybox" {
			f.link("/bin/"+name, "busybox")
		}
	}
	f.link("/usr/bin/env", "/bin/busybox") // where scripts look for it
	return nil
}

// packetFilters is what kube-proxy makes its rules with. iptables is the one that writes nftables' rules.
func packetFilters(f filesystem, _ string) error {
	for name, debian := range map[string]string{"nft": "nftables", "xtables-nft-multi": "iptables", "conntrack": "conntrack"} {
		host, err := find(name, debian)
		if err != nil {
			return err
		}
		if err := f.program("/usr/sbin/"+name, host); err != nil {
			return err
		}
	}
	for _, name := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			f.link("/usr/sbin/"+name+suffix, "xtables-nft-multi")
		}
	}
	extensions, err := filepath.Glob("/usr/lib/*-linux-gnu/xtables/*.so") // iptables loads them by name when a rule needs one
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	for _, host := range extensions {
		f.copy(host, host, 0o644)
		if err := f.libraries(host); err != nil {
			return err
		}
	}
	f.link("/sbin", "usr/sbin")
	if _, err := os.Stat(protocols); err != nil {
		return fmt.Errorf("images: the names of protocols (Debian's package netbase has them): %w", err)
	}
	f.copy(protocols, protocols, 0o644)
	return nil
}

// protocols is where rules that name a protocol have its number from.
const protocols = "/etc/protocols"

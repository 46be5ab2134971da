package podworker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	hostsPath  = "/etc/hosts"
	folderMode = 0o755
	hostsMode  = 0o644
	anyMode    = 0o666 // whoever the container runs as
)

func makeDir(path string) error {
	if err := os.MkdirAll(path, folderMode); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	return nil
}

// files are the mounts that every container has: /etc/hosts, unless a volume is there, and where it leaves its last words.
func (w *worker) files(pod *v1.Pod, spec *v1.Container, attempt int) ([]*runtimeapi.Mount, error) {
	var mounts []*runtimeapi.Mount
	if !slices.ContainsFunc(spec.VolumeMounts, func(m v1.VolumeMount) bool { return m.MountPath == hostsPath }) {
		mounts = append(mounts, &runtimeapi.Mount{ContainerPath: hostsPath, HostPath: w.hostsFile()})
	}
	if spec.TerminationMessagePath == "" {
		return mounts, nil
	}
	path := w.messageFile(spec.Name, attempt)
	if err := makeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, nil, anyMode); err != nil {
		return nil, fmt.Errorf("termination message: %w", err)
	}
	if err := os.Chmod(path, anyMode); err != nil { // whatever the umask
		return nil, fmt.Errorf("termination message: %w", err)
	}
	return append(mounts, &runtimeapi.Mount{ContainerPath: spec.TerminationMessagePath, HostPath: path}), nil
}

func (w *worker) hostsFile() string { return filepath.Join(w.m.o.Volumes.PodDir(w.uid), "etc-hosts") }

func (w *worker) messageFile(container string, attempt int) string {
	return filepath.Join(w.m.o.Volumes.PodDir(w.uid), "containers", container, strconv.Itoa(attempt))
}

// writeHosts writes the pod's /etc/hosts, in place: running containers have the file mounted.
func (w *worker) writeHosts(pod *v1.Pod, ips []string) error {
	var text strings.Builder
	text.WriteString("# Kubernetes-managed hosts file.\n")
	if pod.Spec.HostNetwork {
		own, err := os.ReadFile(hostsPath)
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("the node's hosts: %w", err)
		}
		text.Reset()
		text.WriteString("# Kubernetes-managed hosts file (host network).\n")
		text.Write(own)
	} else {
		host, err := w.m.o.Node.Hostname(pod)
		if err != nil {
			return err
		}
		text.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n" +
			"fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n")
		for _, ip := range ips {
			if domain := w.m.o.Node.Domain(pod); domain != "" && !strings.Contains(host, ".") {
				fmt.Fprintf(&text, "%s\t%s.%s\t%s\n", ip, host, domain, host)
			} else {
				fmt.Fprintf(&text, "%s\t%s\n", ip, host)
			}
		}
	}
	if len(pod.Spec.HostAliases) > 0 {
		text.WriteString("\n# Entries added by HostAliases.\n")
		for _, a := range pod.Spec.HostAliases {
			fmt.Fprintf(&text, "%s\t%s\n", a.IP, strings.Join(a.Hostnames, "\t"))
		}
	}
	path := w.hostsFile()
	if have, err := os.ReadFile(path); err == nil && string(have) == text.String() {
		return nil
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(text.String()), hostsMode); err != nil {
		return fmt.Errorf("hosts: %w", err)
	}
	return os.Chmod(path, hostsMode)
}

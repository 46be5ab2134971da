package critest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// usualCapabilities are those that a container has that asks for none.
var usualCapabilities = []uint{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FSETID, unix.CAP_FOWNER, unix.CAP_MKNOD, unix.CAP_NET_RAW, unix.CAP_SETGID,
	unix.CAP_SETUID, unix.CAP_SETFCAP, unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_CHROOT, unix.CAP_KILL, unix.CAP_AUDIT_WRITE,
}

// What a container may not do, and how a pod lets it do more or less.
var securityCases = []testCase{
	{"UsualCapabilities", func(t *testing.T, s *suite) {
		bounding, effective := s.pod(t).capabilities(t, nil)
		require.Equal(t, set(usualCapabilities...), bounding)
		require.Equal(t, bounding, effective)
	}},
	{"NoCapabilities", func(t *testing.T, s *suite) {
		bounding, effective := s.pod(t).capabilities(t, &runtimeapi.Capability{DropCapabilities: []string{"ALL"}})
		require.Zero(t, bounding)
		require.Zero(t, effective)
	}},
	{"MoreCapabilities", func(t *testing.T, s *suite) {
		bounding, _ := s.pod(t).capabilities(t, &runtimeapi.Capability{AddCapabilities: []string{"NET_ADMIN"}, DropCapabilities: []string{"CHOWN"}})
		require.Equal(t, (set(usualCapabilities...)|set(unix.CAP_NET_ADMIN))&^set(unix.CAP_CHOWN), bounding)
	}},
	{"OneCapability", func(t *testing.T, s *suite) {
		bounding, _ := s.pod(t).capabilities(t, &runtimeapi.Capability{AddCapabilities: []string{"SYS_TIME"}, DropCapabilities: []string{"ALL"}})
		require.Equal(t, set(unix.CAP_SYS_TIME), bounding)
	}},
	{"AllCapabilities", func(t *testing.T, s *suite) {
		bounding, _ := s.pod(t).capabilities(t, &runtimeapi.Capability{AddCapabilities: []string{"ALL"}})
		require.Equal(t, ownCapabilities(t), bounding)
	}},
	{"UnknownCapability", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c, err := p.tryCreate(t, p.containerConfig("true", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.Capabilities = &runtimeapi.Capability{AddCapabilities: []string{"NO_SUCH"}}
		})))
		if err == nil {
			s.differs(t, containerdName, "runc leaves out what it doesn't know, with a warning")
			err = c.start(t)
		}
		require.Error(t, err)
	}},
	{"AUserHasNone", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "grep CapEff /proc/self/status", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.RunAsUser = &runtimeapi.Int64Value{Value: 1000}
		}))
		require.Equal(t, "CapEff:\t0000000000000000\n", out)
	}},
	{"Privileged", func(t *testing.T, s *suite) {
		p := s.pod(t, func(c *runtimeapi.PodSandboxConfig) { c.Linux.SecurityContext.Privileged = true })
		c := p.start(t, "sleep 1000", security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.Privileged = true }))
		capabilities, err := strconv.ParseUint(c.read(t, "awk '/CapEff/ {print $2}' /proc/self/status"), 16, 64)
		require.NoError(t, err)
		require.Equal(t, ownCapabilities(t), capabilities)
		c.read(t, "mkdir /mnt && mount -t tmpfs none /mnt")
		c.read(t, "echo 1 > /proc/sys/net/ipv4/ip_forward")
		require.Equal(t, "0", c.read(t, "awk '/Seccomp:/ {print $2}' /proc/self/status"))
	}},
	{"PrivilegedMayWriteTheNodesSys", func(t *testing.T, s *suite) { requireWritableSys(t, s, hostNetwork) }},
	{"PrivilegedMayWriteItsSys", func(t *testing.T, s *suite) {
		s.differs(t, containerdName, "runc 1.1 makes the sandbox's /sys read-only as a file system, which all containers of that network share")
		requireWritableSys(t, s, func(*runtimeapi.PodSandboxConfig) {})
	}},
	{"NotPrivileged", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000")
		for _, forbidden := range []string{
			"mkdir -p /mnt && mount -t tmpfs none /mnt", "mount -o remount,rw /sys", "umount /proc", "ip link set lo down", "hostname other",
			"unshare -m true", "unshare -n true", "nsenter -t 1 -m true",
			"for d in /sys/fs/cgroup /sys/fs/cgroup/*; do stat -f -c %T $d | grep -q cgroup && mkdir $d/mine && exit 0; done; false",
			": >> /sys/kernel/mm/ksm/run",              // to open it is enough: a test that fails must not change the node
			"mknod /tmp/kmsg c 1 11 && : >> /tmp/kmsg", // mknod is allowed, use isn't
		} {
			_, _, code := c.exec(t, forbidden)
			require.NotZero(t, code, "this may be done: "+forbidden)
		}
	}},
	{"PrivilegedNeedsAPrivilegedSandbox", func(t *testing.T, s *suite) {
		p := s.pod(t)
		_, err := p.tryCreate(t, p.containerConfig("true", security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.Privileged = true })))
		require.Error(t, err)
	}},
	{"MaskedPaths", func(t *testing.T, s *suite) {
		out := s.pod(t).output(t, "cat /proc/keys; cat /etc/passwd; ls -A /proc/fs", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.MaskedPaths = []string{"/proc/keys", "/etc/passwd", "/proc/fs", "/not/there"}
		}))
		require.Empty(t, out)
	}},
	{"AsKubeletsMaskAndProtect", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.MaskedPaths = []string{
				"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
				"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
			}
			c.ReadonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
		}))
		for _, forbidden := range []string{
			"head -c 1 /proc/kcore | grep .", "grep . /proc/timer_list", "ls -A /sys/firmware | grep .", ": >> /proc/sysrq-trigger",
			": >> /proc/sys/kernel/core_pattern", ": >> /proc/sys/vm/drop_caches",
		} {
			_, _, code := c.exec(t, forbidden)
			require.NotZero(t, code, "this may be done: "+forbidden)
		}
	}},
	{"ReadonlyPaths", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.ReadonlyPaths = []string{"/proc/sys", "/etc"}
		}))
		_, stderr, code := c.exec(t, "echo 1 > /proc/sys/net/ipv4/ip_forward")
		require.NotZero(t, code)
		require.Contains(t, stderr, "Read-only file system")
		_, stderr, code = c.exec(t, "touch /etc/file")
		require.NotZero(t, code)
		require.Contains(t, stderr, "Read-only file system")
	}},
	{"ReadonlyRoot", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000", security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.ReadonlyRootfs = true }))
		_, stderr, code := c.exec(t, "touch /file")
		require.NotZero(t, code)
		require.Contains(t, stderr, "Read-only file system")
		c.read(t, "echo x > /dev/null && touch /dev/shm/file")
	}},
	{"WritableRoot", func(t *testing.T, s *suite) {
		p := s.pod(t)
		p.output(t, "touch /file")
		p.output(t, "test ! -e /file") // another container has a root of its own
	}},
	{"NoNewPrivileges", func(t *testing.T, s *suite) {
		p := s.pod(t)
		read := "awk '/NoNewPrivs/ {print $2}' /proc/self/status"
		require.Equal(t, "1\n", p.output(t, read, security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.NoNewPrivs = true })))
		require.Equal(t, "0\n", p.output(t, read))
	}},
	{"SeccompOfTheRuntime", func(t *testing.T, s *suite) {
		c := s.pod(t).start(t, "sleep 1000", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.Seccomp = &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
		}))
		require.Equal(t, "2", c.read(t, "awk '/Seccomp:/ {print $2}' /proc/self/status"))
		for _, forbidden := range []string{"unshare -U true", "mount -t tmpfs none /tmp"} {
			_, _, code := c.exec(t, forbidden)
			require.NotZero(t, code, "this may be done: "+forbidden)
		}
		c.read(t, "mkdir /tmp/x && chown 1:1 /tmp/x && chmod 700 /tmp/x && ls -l / | sort > /dev/null && wget -q -T 1 -O - http://127.0.0.1:1/ || true")
	}},
	{"SeccompUnconfined", func(t *testing.T, s *suite) {
		require.Equal(t, "0\n", s.pod(t).output(t, "awk '/Seccomp:/ {print $2}' /proc/self/status"))
	}},
	{"SeccompOfAFile", func(t *testing.T, s *suite) {
		profile := filepath.Join(t.TempDir(), "profile.json")
		content, err := json.Marshal(map[string]any{
			"defaultAction": "SCMP_ACT_ALLOW",
			"syscalls":      []any{map[string]any{"names": []string{"mkdir", "mkdirat"}, "action": "SCMP_ACT_ERRNO"}},
		})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(profile, content, 0o600))
		c := s.pod(t).start(t, "sleep 1000", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.Seccomp = &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: profile}
		}))
		_, stderr, code := c.exec(t, "mkdir /tmp/x")
		require.NotZero(t, code)
		require.Contains(t, stderr, "Operation not permitted")
		c.read(t, "touch /tmp/x")
	}},
	{"SeccompOfAMissingFile", func(t *testing.T, s *suite) {
		p := s.pod(t)
		c, err := p.tryCreate(t, p.containerConfig("true", security(func(c *runtimeapi.LinuxContainerSecurityContext) {
			c.Seccomp = &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: "/not/there.json"}
		})))
		if err == nil {
			err = c.start(t)
		}
		require.Error(t, err)
	}},
	{"TheNodesFilesAreOutOfReach", func(t *testing.T, s *suite) {
		secret := filepath.Join(s.dir, "secret")
		require.NoError(t, os.WriteFile(secret, []byte("x"), 0o600))
		remove(t, secret)
		c := s.pod(t).start(t, "ln -s "+secret+" /link; exec sleep 1000")
		for _, path := range []string{secret, "/link", "/proc/self/root" + secret, "/../../../../.." + secret, "/proc/1/cwd/../../.." + secret} {
			_, _, code := c.exec(t, "cat "+path)
			require.NotZero(t, code, path)
		}
	}},
	{"OpenFilesAreNotInherited", func(t *testing.T, s *suite) {
		require.Equal(t, "0 1 2 3\n", s.pod(t).output(t, "echo $(ls /proc/self/fd)"), "3 is what ls reads the folder by")
	}},
}

// requireWritableSys requires a privileged container of a pod to have /sys as the node has it.
func requireWritableSys(t *testing.T, s *suite, network func(*runtimeapi.PodSandboxConfig)) {
	p := s.pod(t, network, func(c *runtimeapi.PodSandboxConfig) { c.Linux.SecurityContext.Privileged = true })
	privileged := security(func(c *runtimeapi.LinuxContainerSecurityContext) { c.Privileged = true })
	require.Contains(t, p.output(t, "grep ' /sys ' /proc/self/mounts", privileged), " rw,")
}

// capabilities are a container's, bounding and effective.
func (p *pod) capabilities(t *testing.T, c *runtimeapi.Capability) (bounding, effective uint64) {
	t.Helper()
	out := p.output(t, "awk '/CapBnd|CapEff/ {print $1 $2}' /proc/self/status", security(func(s *runtimeapi.LinuxContainerSecurityContext) { s.Capabilities = c }))
	_, err := fmt.Sscanf(strings.ReplaceAll(out, ":", " "), "CapEff %x\nCapBnd %x", &effective, &bounding)
	require.NoError(t, err, out)
	return bounding, effective
}

// set is a set of capabilities as the kernel writes it.
func set(capabilities ...uint) (all uint64) {
	for _, c := range capabilities {
		all |= 1 << c
	}
	return all
}

// ownCapabilities are those of this process: nobody can give more.
func ownCapabilities(t testing.TB) (all uint64) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(status), "CapBnd:")
	_, err = fmt.Sscanf(after, "%x", &all)
	require.NoError(t, err)
	return all
}

package seccomp

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTheDefaultFilterFitsIntoTheKernel(t *testing.T) {
	for _, capabilities := range []uint64{0, 1 << unix.CAP_SYS_ADMIN, 1<<41 - 1} {
		filter, err := Default(capabilities)
		require.NoError(t, err)
		require.Zero(t, len(filter)%8)
		require.LessOrEqual(t, len(filter)/8, 4096)
	}
}

// A name that is misspelled would be forbidden without anybody noticing.
func TestNamesAreOfSystemCalls(t *testing.T) {
	amd64, err := arch.GetInfo("amd64")
	require.NoError(t, err)
	arm, err := arch.GetInfo("arm64")
	require.NoError(t, err)
	i386, err := arch.GetInfo("386")
	require.NoError(t, err)
	newer := map[string]bool{"getxattrat": true, "setxattrat": true, "listxattrat": true, "removexattrat": true, "mseal": true, "listmount": true, "statmount": true}
	check := func(names []string) {
		for _, n := range names {
			_, a := amd64.SyscallNames[n]
			_, b := arm.SyscallNames[n]
			_, c := i386.SyscallNames[n]
			require.True(t, a || b || c || newer[n], n)
		}
	}
	check(harmless)
	for _, names := range byCapability {
		check(names)
	}
	for _, dangerous := range []string{"bpf", "keyctl", "add_key", "request_key", "mount", "unshare", "setns", "userfaultfd", "kexec_load", "io_uring_setup",
		"open_by_handle_at", "init_module", "perf_event_open", "ptrace_attach", "clone", "clone3", "personality", "socket"} {
		require.NotContains(t, harmless, dangerous)
	}
}

func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "profile.json")
	for content, ok := range map[string]bool{
		`{"defaultAction":"SCMP_ACT_ALLOW"}`: true,
		`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","read","nothing"],"action":"SCMP_ACT_ALLOW"}]}`:                                                                          true,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"clone","action":"SCMP_ACT_ERRNO","errnoRet":38,"args":[{"index":0,"value":268435456,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}`: true,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":9,"value":1,"op":"SCMP_CMP_EQ"}]}]}`:                                         false,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_NOTIFY"}]}`:                                                                                          false,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","errnoRet":70000}]}`:                                                                          false,
		`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38}`:                                                                                                                                false,
		`{}`: false, `x`: false,
	} {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		filter, err := File(file)
		if ok {
			require.NoError(t, err, content)
			require.NotEmpty(t, filter)
		} else {
			require.Error(t, err, content)
		}
	}
	_, err := File(filepath.Dir(file))
	require.Error(t, err)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":1,"value":1,"op":"SCMP_CMP_LT"}]}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = parse(data) })
}

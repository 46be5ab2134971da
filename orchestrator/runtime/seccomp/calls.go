package seccomp

import "golang.org/x/sys/unix"

// personalities are those that change nothing of a process' security: Linux, 32-bit Linux, UNAME26, both, and to ask.
var personalities = []uint64{0x0, 0x0008, 0x20000, 0x20008, 0xffffffff}

// harmless are the calls that need no capability and give no way to what is outside of a container.
var harmless = []string{
	// files
	"access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2",
	"fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr",
	"flock", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr",
	"getxattrat", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "lchown", "lgetxattr", "link", "linkat", "listxattr",
	"listxattrat", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "memfd_create", "mkdir", "mkdirat", "mknod", "mknodat",
	"name_to_handle_at", "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2",
	"read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "removexattrat", "rename", "renameat", "renameat2", "rmdir", "sendfile",
	"setxattr", "setxattrat", "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "tee",
	"truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vmsplice", "write", "writev", "cachestat", "ioctl",
	// memory
	"brk", "madvise", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap", "mseal", "msync", "munlock",
	"munlockall", "munmap", "map_shadow_stack", "memfd_secret", "pkey_alloc", "pkey_free", "pkey_mprotect", "process_mrelease",
	"remap_file_pages", "get_mempolicy",
	// processes
	"arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "vfork", "getpgid", "getpgrp", "getpid", "getppid",
	"getpriority", "getrlimit", "getrusage", "getsid", "gettid", "get_robust_list", "get_thread_area", "ioprio_get", "ioprio_set", "kill",
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64",
	"process_vm_readv", "process_vm_writev", "ptrace", "restart_syscall", "rseq", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr",
	"sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "set_robust_list", "set_thread_area", "set_tid_address", "setpgid",
	"setpriority", "setrlimit", "setsid", "sysinfo", "tgkill", "time", "times", "tkill", "uname", "wait4", "waitid", "getcpu", "kcmp",
	// users
	"getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid", "getuid", "setfsgid", "setfsuid", "setgid", "setgroups", "setregid",
	"setresgid", "setresuid", "setreuid", "setuid",
	// signals, time and waiting
	"alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "futex", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake",
	"getitimer", "gettimeofday", "getrandom", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit", "nanosleep",
	"pause", "pipe", "pipe2", "poll", "ppoll", "pselect6", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "select", "setitimer", "sigaltstack", "signalfd", "signalfd4", "timer_create",
	"timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime", "adjtimex",
	"clock_adjtime",
	// sockets and what processes share
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg",
	"sendmsg", "sendto", "setsockopt", "shutdown", "socketpair", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend",
	"mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
}

// byCapability are the calls that some capability is for: they may be called by who has it.
var byCapability = map[int][]string{
	unix.CAP_SYS_ADMIN: {
		"bpf", "clone", "clone3", "fanotify_init", "fanotify_mark", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "mount",
		"mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog", "umount2",
		"unshare", "listmount", "statmount",
	},
	unix.CAP_DAC_READ_SEARCH: {"open_by_handle_at"},
	unix.CAP_SYS_BOOT:        {"reboot"},
	unix.CAP_SYS_CHROOT:      {"chroot"},
	unix.CAP_SYS_MODULE:      {"delete_module", "finit_module", "init_module"},
	unix.CAP_SYS_PACCT:       {"acct"},
	unix.CAP_SYS_PTRACE:      {"pidfd_getfd", "process_madvise"},
	unix.CAP_SYS_RAWIO:       {"iopl", "ioperm"},
	unix.CAP_SYS_TIME:        {"clock_settime", "settimeofday"},
	unix.CAP_SYS_TTY_CONFIG:  {"vhangup"},
	unix.CAP_SYS_NICE:        {"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"},
	unix.CAP_SYSLOG:          {"syslog"},
	unix.CAP_BPF:             {"bpf"},
	unix.CAP_PERFMON:         {"perf_event_open"},
}

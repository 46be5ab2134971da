package shim

import "time"

// Request is what the daemon asks. Exactly one field is set. A connection carries one request at a time; Exec, Attach and Watch keep
// it for as long as they last.
type Request struct {
	Sandbox *Sandbox `json:",omitempty"` // makes the pod's namespaces; answered with the descriptor of its network namespace
	Start   *Container
	Exec    *Exec   // with descriptors: stdin, stdout, stderr; with a terminal none, and its descriptor comes back
	Attach  *Attach // with descriptors: stdin, stdout, stderr
	Signal  *Signal
	Resize  *Resize
	Reopen  string // the container whose log file is opened anew
	Forward []Port // ports of the node that lead to the pod, until the shim ends
	State   bool   // how all containers are
	Watch   bool   // a Reply for each container that ends, from now on
	End     bool   // kills everything and ends the shim
}

// Reply answers a request. Error is set when it could not be done.
type Reply struct {
	Error string `json:",omitempty"`
	Pid   int    `json:",omitempty"` // on the node; only for showing
	Alive bool   `json:",omitempty"` // the pod's pause process runs

	Started    time.Time        `json:",omitzero"`  // of a container
	User       *User            `json:",omitempty"` // whom its first process runs as
	Container  string           `json:",omitempty"` // that ended
	Exit       *Exit            `json:",omitempty"`
	Containers map[string]State `json:",omitempty"`
}

// State is how a container is that was started.
type State struct {
	Pid     int
	Started time.Time
	User    User
	Exit    *Exit `json:",omitempty"`
}

// Exit is how a process ended.
type Exit struct {
	Code      int32
	Finished  time.Time
	OOMKilled bool   `json:",omitempty"`
	Reason    string `json:",omitempty"` // where it isn't told by the others
	Message   string `json:",omitempty"`
}

// Sandbox says which namespaces a pod has of its own. Its pause process keeps them.
type Sandbox struct {
	Dir         string // an empty folder to mount on
	Hostname    string // where it has a UTS namespace
	HostNetwork bool   // no network and UTS namespaces of its own
	HostIPC     bool
	PodPID      bool // one PID namespace for all containers, in which the pause process is the first
	ShmSize     int64
	Sysctls     map[string]string
	Cgroups     []string // the folders that its process goes to
	OOMScoreAdj *int
}

// Namespace says whose PID namespace a container is in.
type Namespace string

// The PID namespaces that there are.
const (
	OwnPID    Namespace = ""
	PodPID    Namespace = "pod"
	NodePID   Namespace = "node"
	TargetPID Namespace = "target" // that of the container Container.PIDTarget
)

// Container is all that is needed to make one and start it.
type Container struct {
	ID        string
	ExitFile  string // where Exit is written to
	Layers    []string
	Upper     string
	Work      string
	Root      string // an empty folder to mount on
	ReadOnly  bool   // the root file system
	PID       Namespace
	PIDTarget string

	Volumes    []string // folders that are writable even if the root is not
	Mounts     []Mount
	Devices    []Device
	AllDevices bool // the node's devices, and a /sys that can be written to
	Cgroup     Cgroup
	Masked     []string // paths under /proc and /sys that it may not see
	Fixed      []string // nor change

	Process Process
	Stdin   bool
	Once    bool   // its stdin ends when the first who attached leaves
	LogPath string // "": no log
}

// Mount is a file or folder of the node in a container.
type Mount struct {
	Source, Target       string
	ReadOnly             bool
	Recursive            bool // read-only in all that is mounted below, too
	Propagation          Propagation
	NoDevices, NoSetuids bool // no devices but one of the node's /dev, if that is what is mounted
}

// Propagation says whether mounts that are made later are seen on the other side.
type Propagation string

// The ways in which mounts propagate.
const (
	Private         Propagation = ""
	HostToContainer Propagation = "slave"
	Bidirectional   Propagation = "shared"
)

// Device is a device of the node in a container.
type Device struct{ Source, Target string }

// Cgroup is where a container's processes go, and what is shown to it.
type Cgroup struct {
	Dirs  []string          // one for each hierarchy
	Shown map[string]string // path in the container: folder of the node
	OOM   string            // the file that counts what was killed for memory
}

// Process is a program, and what it may.
type Process struct {
	Args, Env    []string
	Dir          string
	User         User
	Name         string // a user of the container's /etc/passwd, "user" or "user:group"; User counts where it is empty
	Strict       bool   // only the given groups, none of the container's /etc/group
	Bounding     uint64 // capabilities that it can ever have
	Capabilities uint64 // that it has, if its user is root
	Ambient      uint64 // that it has, whoever its user is
	NoNewPrivs   bool   // none by setuid programs
	Seccomp      []byte // a filter of system calls, as the kernel takes it
	Terminal     bool   // stdin, stdout and stderr are one
	Size         [2]uint16
	OOMScoreAdj  *int
}

// User is whom a process runs as.
type User struct {
	UID, GID uint32
	HasGID   bool `json:",omitempty"` // GID was asked for; otherwise it is the one of /etc/passwd
	Groups   []uint32
}

// Exec asks for another process in a container. The shim answers when it runs, and once more when it has ended. It is killed when the
// connection breaks.
type Exec struct {
	Container string
	Process   Process
}

// Attach asks for a container's streams. The shim answers when they flow, and once more when the container has ended.
type Attach struct {
	Container string
	Stdin     bool // whether there is a stdin; its end ends the container's, if that has one once
}

// Signal goes to a container's first process, or, for all, to everything in its cgroup.
type Signal struct {
	Container string
	Number    int
	All       bool
}

// Port is a port of the node that leads to one of the pod.
type Port struct {
	Network string // "tcp" or "udp"
	Listen  string // host and port
	Target  string
}

// Resize changes the size of a container's terminal.
type Resize struct {
	Container     string
	Width, Height uint16
}

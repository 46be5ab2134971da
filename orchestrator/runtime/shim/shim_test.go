package shim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	testPasswd = "root:x:0:0:root:/root:/bin/sh\nbroken\nuser:x:1000:1001:User:/home/user:/bin/sh\nx:x:-1:0::/:\n"
	testGroup  = "root:x:0:\nstaff:x:50:user,other\nwheel:x:10:user\nbad:x:y:user\n"
)

func TestIdentity(t *testing.T) {
	for name, c := range map[string]struct {
		p    Process
		want User
		home string
	}{
		"nothing is root":           {Process{}, User{UID: 0, GID: 0, Groups: []uint32{0}}, "/root"},
		"by name":                   {Process{Name: "user"}, User{UID: 1000, GID: 1001, Groups: []uint32{10, 50, 1001}}, "/home/user"},
		"by number, known":          {Process{Name: "1000"}, User{UID: 1000, GID: 1001, Groups: []uint32{10, 50, 1001}}, "/home/user"},
		"by number, unknown":        {Process{Name: "77"}, User{UID: 77, GID: 0, Groups: []uint32{0}}, "/"},
		"with a group's name":       {Process{Name: "user:staff"}, User{UID: 1000, GID: 50, Groups: []uint32{10, 50}}, "/home/user"},
		"with a group's number":     {Process{Name: "77:88"}, User{UID: 77, GID: 88, Groups: []uint32{88}}, "/"},
		"by id":                     {Process{User: User{UID: 1000}}, User{UID: 1000, GID: 1001, Groups: []uint32{10, 50, 1001}}, "/home/user"},
		"by id, and only":           {Process{User: User{UID: 1000, GID: 5, HasGID: true, Groups: []uint32{9}}, Strict: true}, User{UID: 1000, GID: 5, HasGID: true, Groups: []uint32{5, 9}}, "/home/user"},
		"a group beside":            {Process{User: User{UID: 1000, Groups: []uint32{9}}}, User{UID: 1000, GID: 1001, Groups: []uint32{9, 10, 50, 1001}}, "/home/user"},
		"the group instead of both": {Process{Name: "user:staff", User: User{GID: 3, HasGID: true}}, User{UID: 1000, GID: 3, HasGID: true, Groups: []uint32{3, 10, 50}}, "/home/user"},
	} {
		t.Run(name, func(t *testing.T) {
			u, home, err := c.p.identity(testPasswd, testGroup)
			require.NoError(t, err)
			require.Equal(t, c.want, u)
			require.Equal(t, c.home, home)
		})
	}
	for _, name := range []string{"nobody", "user:nobody", ":staff:", "x"} {
		_, _, err := (&Process{Name: name}).identity(testPasswd, testGroup)
		require.Error(t, err, name)
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add("user:staff", testPasswd, testGroup)
	f.Fuzz(func(_ *testing.T, name, passwd, group string) {
		_, _, _ = (&Process{Name: name}).identity(passwd, group)
	})
}

func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLog(path)
	require.NoError(t, err)
	long := strings.Repeat("x", maxLine)
	l.follow("stdout", strings.NewReader("one\n\n"+long+"y\nlast"))
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, l.reopen())
	l.follow("stderr", strings.NewReader("two\n"))
	l.close()
	l.write("stdout", []byte("too late"), true)
	read := func(path string) (lines []string) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			stamp, rest, _ := strings.Cut(line, " ")
			_, err := time.Parse(time.RFC3339Nano, stamp)
			require.NoError(t, err)
			lines = append(lines, strings.TrimSuffix(rest, "\n"))
		}
		return lines
	}
	require.Equal(t, []string{"stdout F one", "stdout F ", "stdout P " + long, "stdout F y", "stdout P last"}, read(path+".1"))
	require.Equal(t, []string{"stderr F two"}, read(path))
}

// pair are two ends of a connection.
func pair(t testing.TB) (conn, conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	var ends [2]conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "")
		c, err := net.FileConn(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		u, ok := c.(*net.UnixConn)
		require.True(t, ok)
		ends[i] = conn{u}
		t.Cleanup(func() { _ = u.Close() })
	}
	return ends[0], ends[1]
}

func TestMessagesAndFiles(t *testing.T) {
	a, b := pair(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	large := Request{Exec: &Exec{Container: strings.Repeat("x", 1<<20)}}
	sent := make(chan error, 1)
	go func() {
		sent <- errors.Join(a.send(large, int(w.Fd())), a.send(Request{State: true}), w.Close(), a.Close())
	}()
	var got Request
	files, err := b.receive(&got)
	require.NoError(t, err)
	require.Equal(t, large, got)
	require.Len(t, files, 1)
	flags, err := unix.FcntlInt(uintptr(files[0]), unix.F_GETFD, 0)
	require.NoError(t, err)
	require.NotZero(t, flags&unix.FD_CLOEXEC, "no other process gets it")
	_, err = unix.Write(files[0], []byte("through"))
	require.NoError(t, err)
	closeAll(files)
	got = Request{}
	files, err = b.receive(&got)
	require.NoError(t, err)
	require.Empty(t, files)
	require.True(t, got.State)
	require.NoError(t, <-sent)
	_, err = b.receive(&got)
	require.ErrorIs(t, err, io.EOF)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "through", string(data))
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Add(binary.BigEndian.AppendUint32(nil, maxMessage+1))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := pair(t)
		go func() {
			_, _ = io.Copy(a, bytes.NewReader(data))
			_ = a.Close()
		}()
		var r Request
		for {
			files, err := b.receive(&r)
			closeAll(files)
			if err != nil {
				return
			}
		}
	})
}

func TestForkSaysWhichStepFailed(t *testing.T) {
	p := &program{}
	p.add("first", unix.SYS_GETPID)
	p.add("unimportant", unix.SYS_CHDIR, p.text("/nothing/here")).optional = true
	p.add("second", unix.SYS_CHDIR, p.text("/nothing/here"))
	p.add("never", unix.SYS_EXIT_GROUP, 0)
	_, err := fork(0, p)
	require.ErrorIs(t, err, unix.ENOENT)
	require.ErrorContains(t, err, "second")
}

// What protects a path may miss the path, and nothing else.
func TestAStepMayLackItsFile(t *testing.T) {
	p := &program{}
	p.add("missing", unix.SYS_CHDIR, p.text("/nothing/here")).absent = true
	p.add("of another kind", unix.SYS_CHDIR, p.text("/proc/version")).absent = true
	p.add("broken", unix.SYS_CHDIR, 0).absent = true
	_, err := fork(0, p)
	require.ErrorIs(t, err, unix.EFAULT)
}

func TestForkRunsAProgram(t *testing.T) {
	for script, want := range map[string]int32{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -15 $$": 143, "test \"$A\" = b": 0} {
		p := &program{}
		p.add("exec", unix.SYS_EXECVE, p.text("/bin/sh"), p.texts([]string{"sh", "-c", script}), p.texts([]string{"A=b"}))
		c, err := fork(0, p)
		require.NoError(t, err)
		require.Equal(t, want, c.wait(), script)
		c.close()
	}
}

func TestAResultIsPassedOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	p := &program{}
	p.add("open", unix.SYS_OPENAT, ^uintptr(99), p.text(file), unix.O_CREAT|unix.O_WRONLY, 0o600)
	p.add("write", unix.SYS_WRITE, 0, p.text("here"), 4).onResult = true
	p.add("end", unix.SYS_EXIT_GROUP, 3)
	c, err := fork(0, p)
	require.NoError(t, err)
	require.Equal(t, int32(3), c.wait())
	c.close()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "here", string(data))
}

func TestWhoIsAttachedAndDoesNotReadIsCutOff(t *testing.T) {
	var o output
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	o.attach(w)
	begun := time.Now()
	for range 3 {
		n, err := o.Write(make([]byte, 1<<20))
		require.NoError(t, err)
		require.Equal(t, 1<<20, n)
	}
	require.Less(t, time.Since(begun), 2*patience, "once cut off, it is waited for no more")
	require.Empty(t, o.attached)
}

func TestForwardTCPAndUDP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	f, err := forwardTCP(Port{Listen: "127.0.0.1:0", Target: l.Addr().String()})
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	listener, ok := f.(net.Listener)
	require.True(t, ok)
	c, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(c, "there and back")
	require.NoError(t, err)
	half, ok := c.(*net.TCPConn)
	require.True(t, ok)
	require.NoError(t, half.CloseWrite())
	data, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "there and back", string(data))
	require.NoError(t, c.Close())

	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = p.Close() }()
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = p.WriteTo(b[:n], from)
		}
	}()
	u, err := forwardUDP(Port{Listen: "127.0.0.1:0", Target: p.LocalAddr().String()})
	require.NoError(t, err)
	defer func() { _ = u.Close() }()
	packets, ok := u.(net.PacketConn)
	require.True(t, ok)
	c, err = net.Dial("udp", packets.LocalAddr().String())
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "ping")
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	b := make([]byte, 100)
	n, err := c.Read(b)
	require.NoError(t, err)
	require.Equal(t, "ping", string(b[:n]))
	require.Error(t, forward([]Port{{Network: "sctp"}}))

	// Senders whose addresses are made up take no more than so much.
	for i := range maxSenders { // one is there already
		from := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 1, byte(i/200), byte(1+i%200))}}
		s, err := from.Dial("udp", packets.LocalAddr().String())
		require.NoError(t, err)
		_, err = io.WriteString(s, "ping")
		require.NoError(t, err)
		wait := 10 * time.Second
		if i == maxSenders-1 {
			wait = 100 * time.Millisecond
		}
		require.NoError(t, s.SetReadDeadline(time.Now().Add(wait)))
		_, err = s.Read(b)
		require.NoError(t, s.Close())
		require.Equal(t, i == maxSenders-1, isTimeout(err), i)
	}
}

package robustness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/petcd/petcd/server/process"
)

const (
	// diskBytes is the size of a member's disk; its image takes what is written of it.
	diskBytes = 512 << 20
	// ext4Shutdown is EXT4_IOC_SHUTDOWN, which makes a file system stop where it is. With noFlush its journal is not written
	// either: what one finds after the next mount is what a power cut would have left.
	ext4Shutdown = 0x8004587d
	noFlush      = 2
)

// disk is a member whose data is on a file system of its own, a real ext4 in a file. Killing it cuts the power: what the
// kernel had not written is lost.
type disk struct {
	*process.Member
	image string
}

// newDisk makes the file system.
func newDisk(m *process.Member) (*disk, error) {
	d := &disk{Member: m, image: filepath.Join(filepath.Dir(m.LogPath), "image")}
	if err := os.MkdirAll(m.DataDir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(d.image, diskBytes); err != nil {
		return nil, err
	}
	return d, command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0", d.image)
}

// Start implements machine. The disk is not told which blocks are free: a file system that is shut down tells so of blocks
// whose release it has not written, and their content would be gone.
func (d *disk) Start() error {
	if err := command("mount", "-o", "loop", d.image, d.DataDir); err != nil {
		return err
	}
	return d.Member.Start()
}

// Kill implements machine. The disk goes first: what the process does until it ends too finds no disk, and so cannot be
// acknowledged.
func (d *disk) Kill() error {
	err := powerCut(d.DataDir)
	if killed := d.Member.Kill(); !errors.Is(killed, process.ErrNotRunning) {
		err = errors.Join(err, killed)
	}
	return errors.Join(err, command("umount", d.DataDir))
}

// powerCut stops the file system of a folder.
func powerCut(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("robustness: cut the power: %w", err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, noFlush); err != nil {
		return fmt.Errorf("robustness: cut the power of %s: %w", dir, err)
	}
	return nil
}

// command runs a command of the system's.
func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("robustness: %s %v: %w: %s", name, args, err, out)
	}
	return nil
}

// onDisk is the machine of a process that has such a disk.
func onDisk(m *process.Member) (machine, error) { return newDisk(m) }

// TestAPowerCutLosesWhatWasNotSynced shows that the fault of TestPowerCuts is one.
func TestAPowerCutLosesWhatWasNotSynced(t *testing.T) {
	if !alone(t, unix.CLONE_NEWNS) {
		return
	}
	root := t.TempDir()
	m := &process.Member{DataDir: filepath.Join(root, "data"), LogPath: filepath.Join(root, "log")}
	d, err := newDisk(m)
	require.NoError(t, err)
	require.NoError(t, command("mount", "-o", "loop", d.image, d.DataDir))
	synced, lost := filepath.Join(d.DataDir, "synced"), filepath.Join(d.DataDir, "lost")
	f, err := os.Create(synced)
	require.NoError(t, err)
	_, err = f.WriteString("here")
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	_, err = f.WriteString(" and gone")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(lost, []byte("lost"), 0o600))

	require.NoError(t, powerCut(d.DataDir))
	require.Error(t, os.WriteFile(lost, []byte("lost"), 0o600), "after the cut nothing can be written")
	require.NoError(t, command("umount", d.DataDir))
	require.NoError(t, command("mount", "-o", "loop", d.image, d.DataDir))
	defer func() { require.NoError(t, command("umount", d.DataDir)) }()
	found, err := os.ReadFile(synced)
	require.NoError(t, err)
	require.Equal(t, "here", string(found))
	require.NoFileExists(t, lost)
}

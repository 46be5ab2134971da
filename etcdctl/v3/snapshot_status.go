package v3

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/petcd/petcd/etcdctl/printer"
)

// errSnapshot says that a file is no snapshot, or a damaged one.
var errSnapshot = errors.New("not a whole snapshot")

func (c *ctl) snapshotStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status <filename>",
		Short: "Verifies a saved snapshot and shows what it holds",
		Long: `Verifies a saved snapshot, of petcd or of etcd, and shows what it holds: its hash,
the newest revision, the number of keys, its size and, of etcd, the version.`,
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot status requires exactly one argument")
			}
			if _, err := c.clientSpec(cmd); err != nil { // for the printer; nothing is opened
				return err
			}
			status, err := snapshotStatus(args[0])
			if err != nil {
				return err
			}
			return c.show.Print(status)
		}),
	}
}

// snapshotStatus tells petcd's archive from etcd's database by how it begins.
func snapshotStatus(path string) (printer.SnapshotStatus, error) {
	f, err := os.Open(path)
	if err != nil {
		return printer.SnapshotStatus{}, err
	}
	defer f.Close()
	begin := make([]byte, len(archiveMagic))
	if _, err := io.ReadFull(f, begin); err != nil {
		return printer.SnapshotStatus{}, fmt.Errorf("%w: %s has no %d bytes", errSnapshot, path, len(begin))
	}
	sum, err := verifySum(f)
	if err != nil {
		return printer.SnapshotStatus{}, fmt.Errorf("%s: %w", path, err)
	}
	if string(begin) == archiveMagic {
		return archiveStatus(f, sum)
	}
	return databaseStatus(path)
}

// verifySum checks the SHA-256 that ends a snapshot, of petcd and of etcd
// alike, and returns it. A file without one, which etcd's are if they were
// copied from a data folder, has no sum: nil.
func verifySum(f *os.File) ([]byte, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	// Both write whole blocks of 512 bytes before the sum.
	if size%512 != sha256.Size {
		return nil, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size-sha256.Size)); err != nil {
		return nil, err
	}
	want := make([]byte, sha256.Size)
	if _, err := f.ReadAt(want, size-sha256.Size); err != nil {
		return nil, err
	}
	if !bytes.Equal(h.Sum(nil), want) {
		return nil, fmt.Errorf("%w: its checksum does not match", errSnapshot)
	}
	return want, nil
}

package storage

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/petcd/petcd/storage/schema"
)

// pointerLenMax bounds what is read of a pointer file.
const pointerLenMax = 256

// encodePointer is the content of the pointer file that names an engine's
// folder: format name, format version, folder and checksum, in one line.
func encodePointer(folder string) []byte {
	return sealPointer(fmt.Sprintf("%s %d %s", schema.FormatName, schema.FormatVersion, folder))
}

// sealPointer adds the checksum.
func sealPointer(body string) []byte {
	return fmt.Appendf(nil, "%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// isSealed tells whether a pointer file of any version matches its checksum.
func isSealed(b []byte) bool {
	body := string(b[:max(0, bytes.LastIndexByte(b, ' '))])
	return string(sealPointer(body)) == string(b)
}

// decodePointer returns the folder that a pointer file names. What is not
// this version's is foreign only if it is whole, or if nothing in it looks like
// ours: a bit that turned over must not pass for another program's file.
func decodePointer(b []byte) (string, error) {
	name, rest, _ := strings.Cut(string(b), " ")
	if name != schema.FormatName && !strings.Contains(string(b), schema.EnginePrefix) {
		return "", fmt.Errorf("%w: pointer file begins with %.20q", ErrForeign, name)
	}
	if !isSealed(b) {
		return "", fmt.Errorf("%w: pointer file does not match its checksum", ErrCorrupt)
	}
	var version int
	var folder string
	if _, err := fmt.Sscanf(rest, "%d %s", &version, &folder); err != nil {
		return "", fmt.Errorf("%w: pointer file: %w", ErrCorrupt, err)
	}
	if version != schema.FormatVersion {
		return "", fmt.Errorf("%w: format version %d, this program knows %d", ErrForeign, version, schema.FormatVersion)
	}
	if name != schema.FormatName || !strings.HasPrefix(folder, schema.EnginePrefix) || strings.ContainsAny(folder, `/\`) {
		return "", fmt.Errorf("%w: pointer file names %.40q", ErrCorrupt, folder)
	}
	return folder, nil
}

// readPointer returns the folder that dir's pointer file names.
func readPointer(fs vfs.FS, dir string) (string, error) {
	f, err := fs.Open(fs.PathJoin(dir, schema.PointerFile))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, pointerLenMax))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("storage: read pointer file: %w", err)
	}
	return decodePointer(b)
}

// EngineFolder is the name of the engine's folder in the state in dir.
func EngineFolder(vfsFS vfs.FS, dir string) (string, error) { return readPointer(vfsFS, dir) }

// writePointer makes dir's pointer file name another folder, at once and
// durably.
func writePointer(fs vfs.FS, dir, folder string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("storage: write pointer file: %w", err)
		}
	}()
	temp := fs.PathJoin(dir, schema.PointerTempFile)
	f, err := fs.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err = f.Write(encodePointer(folder)); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = fs.Rename(temp, fs.PathJoin(dir, schema.PointerFile)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// syncDir makes what was created and renamed in dir durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

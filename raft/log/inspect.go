package log

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
)

// inspect finds out what dir holds without changing it.
func inspect(dir string, o Options) (*contents, error) {
	c := &contents{tail: tail{bytesMax: o.TailBytesMax}}
	names, err := o.FS.List(dir)
	if oserror.IsNotExist(err) || (err == nil && len(names) == 0) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("log: list folder: %w", err)
	}
	stored := false
	for _, name := range names {
		switch kind := kindOf(name); kind {
		case fileForeign:
			return nil, fmt.Errorf("%w: %s is in it", ErrForeign, name)
		case fileStored:
			stored = true
		}
	}
	var born bool
	if c.seq, c.mark, born, err = readWatermark(o.FS, dir); err != nil {
		return nil, err
	}
	if !stored && !born {
		return c, nil // a creation that was cut off before Pebble wrote anything
	}
	err = readOnly(dir, o, c.read)
	switch {
	case errors.Is(err, pebble.ErrDBDoesNotExist) && !born:
		return c, nil // a creation that was cut off while Pebble was at it
	case err != nil:
		return nil, refusal(err, born)
	case born && !c.whole:
		return nil, fmt.Errorf("%w: %s is there, the format's name is not", ErrCorrupt, watermarkName)
	case !born && c.last > 0:
		return nil, fmt.Errorf("%w: %s is missing", ErrCorrupt, watermarkName)
	case !born:
		c.whole = false // a creation that was cut off between Pebble and the watermark
		return c, nil
	}
	return c, c.check()
}

// readOnly runs read on the store in dir, which it opens without writing to it.
func readOnly(dir string, o Options, read func(*pebble.DB) error) (err error) {
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	defer func() {
		// Pebble panics on some kinds of damage.
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, r)
		}
	}()
	quiet := &failure{lg: o.Logger}
	if o.FailoverDir != "" {
		if _, err := o.FS.Stat(o.FailoverDir); oserror.IsNotExist(err) {
			o.FailoverDir = "" // it is new; opening for writing makes it
		}
	}
	db, err := pebble.Open(dir, pebbleOptions(o.FS, o.FailoverDir, quiet, cache, true))
	if err != nil {
		return err
	}
	return errors.Join(read(db), quiet.get(), db.Close())
}

// refusal names the reason why a store could not be read. born tells that it was a whole log once: then whatever is wrong
// with its contents is damage.
func refusal(err error, born bool) error {
	var missing pebble.ErrMissingWALRecoveryDir
	switch {
	case errors.Is(err, ErrCorrupt), errors.Is(err, ErrForeign):
		return err
	case errors.As(err, &missing):
		return fmt.Errorf("log: it was written with a failover folder, which must be given again: %w", err)
	case oserror.IsPermission(err), isLocked(err):
		return fmt.Errorf("log: %w", err)
	case pebble.IsCorruptionError(err), born:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("%w: %w", ErrForeign, err)
}

// isLocked tells that another process has the folder. Pebble passes on what the system says.
func isLocked(err error) bool {
	text := err.Error()
	return strings.Contains(text, "resource temporarily unavailable") || strings.Contains(text, "lock held by current process")
}

type fileKind int

const (
	fileForeign fileKind = iota
	fileIgnored
	fileStored // only a store that was opened once has it
)

// kindOf recognizes the names Pebble and the watermark use in the folder.
func kindOf(name string) fileKind {
	for _, suffix := range []string{".sst", ".log", ".blob"} {
		if strings.HasSuffix(name, suffix) && name[0] >= '0' && name[0] <= '9' {
			return fileStored
		}
	}
	for _, prefix := range []string{"MANIFEST-", "OPTIONS-", "marker."} {
		if strings.HasPrefix(name, prefix) {
			return fileStored
		}
	}
	switch {
	case name == "LOCK", name == "lost+found", name == watermarkName, name == watermarkName+".tmp", strings.HasSuffix(name, ".dbtmp"):
		return fileIgnored
	}
	return fileForeign
}

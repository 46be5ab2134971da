package server

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// logFile is a rotated one: <path>.<time>, or <path>.<time>.gz.
type logFile struct {
	path string
	skip int64 // lines that aren't wanted
}

// compressed ends the name of a file that is.
const compressed = ".gz"

// rotated are a log's older files, the oldest first. The current one is not among them, even if it was just rotated.
func rotated(path string, current *os.File) ([]*logFile, error) {
	self, err := current.Stat()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	byTime := map[string]string{} // a file is there twice while it is compressed
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		at, isCompressed := strings.CutSuffix(rest, compressed)
		if !ok || strings.Contains(at, ".") { // a temporary file
			continue
		}
		if info, err := e.Info(); err != nil || os.SameFile(info, self) {
			continue
		}
		if _, there := byTime[at]; !there || !isCompressed {
			byTime[at] = filepath.Join(filepath.Dir(path), e.Name())
		}
	}
	times := make([]string, 0, len(byTime))
	for at := range byTime {
		times = append(times, at)
	}
	slices.Sort(times)
	files := make([]*logFile, len(times))
	for i, at := range times {
		files[i] = &logFile{path: byTime[at]}
	}
	return files, nil
}

// startAt leaves as many lines of older files as it takes so that there are no more than tail together with the current one, which is
// moved to where its part begins. Of all lines if tail is -1.
func startAt(old []*logFile, current *os.File, tail int64) ([]*logFile, error) {
	if tail < 0 {
		return old, nil
	}
	info, err := current.Stat()
	if err != nil {
		return nil, err
	}
	offset, found, err := tailOffset(current, info.Size(), tail)
	if err != nil {
		return nil, err
	}
	if _, err := current.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	for i := len(old) - 1; i >= 0; i-- {
		if found >= tail {
			return old[i+1:], nil
		}
		n, err := old[i].count()
		if err != nil {
			return nil, err
		}
		old[i].skip = max(n-(tail-found), 0)
		found += n
	}
	return old, nil
}

// tailOffset is where the last so many lines of a file begin, and how many there are.
func tailOffset(f io.ReaderAt, size, lines int64) (offset, found int64, err error) {
	if lines == 0 {
		return size, 0, nil
	}
	const block = 32 * 1024
	buffer := make([]byte, block)
	for end := size; end > 0; {
		begin := max(end-block, 0)
		part := buffer[:end-begin]
		if _, err := f.ReadAt(part, begin); err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, err
		}
		for i := len(part) - 1; i >= 0; i-- {
			if part[i] != '\n' {
				continue
			}
			if found == lines {
				return begin + int64(i) + 1, found, nil
			}
			found++
		}
		end = begin
	}
	return 0, found, nil
}

// count is how many lines a file has.
func (f *logFile) count() (int64, error) {
	whole := &logFile{path: f.path}
	in, err := whole.open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	var n int64
	buffer := make([]byte, 32*1024)
	for {
		read, err := in.Read(buffer)
		n += int64(bytes.Count(buffer[:read], []byte("\n")))
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f.path, err)
		}
	}
}

// openLog opens a log, which is a regular file. A container that may write to the node's folder of logs could have put a symlink there, to
// read what it may not, or a pipe, which nobody ever writes to.
func openLog(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// textFile is the text of a file, and the file to be closed.
type textFile struct {
	io.Reader
	io.Closer
}

// open opens a file behind the lines that aren't wanted.
func (f *logFile) open() (io.ReadCloser, error) {
	file, err := openLog(f.path)
	if err != nil {
		return nil, err
	}
	text := io.Reader(file)
	if strings.HasSuffix(f.path, compressed) {
		if text, err = gzip.NewReader(file); err != nil {
			file.Close()
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
	}
	lines := bufio.NewReader(text)
	for range f.skip {
		if _, err := lines.ReadSlice('\n'); err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			break // shorter than it was when it was counted
		}
	}
	return &textFile{lines, file}, nil
}

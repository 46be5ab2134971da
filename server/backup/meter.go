package backup

import (
	"fmt"
	"io"
	"os"
	"sync"

	humanize "github.com/dustin/go-humanize"
	"golang.org/x/term"
)

// Meter shows somebody at a terminal how far long work has come, in bytes. A nil Meter shows nothing. It is safe for
// concurrent use.
type Meter struct {
	out  io.Writer
	what string

	mu          sync.Mutex
	done, total int64
	shown       string
}

// NewMeter is a meter on a terminal; nil when out is none, so that nothing of it lands in pipes and files.
func NewMeter(out io.Writer, what string) *Meter {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &Meter{out: out, what: what}
}

// meterWidth is the length of the bar.
const meterWidth = 40

// start says how many bytes there will be; 0 for nobody knows.
func (m *Meter) start(total int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total = total
}

// Set says how many bytes are done.
func (m *Meter) Set(done int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done = done
	m.show()
}

// add counts more bytes as done.
func (m *Meter) add(n int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += int64(n)
	m.show()
}

// show draws the line anew when it changed. m.mu is held.
func (m *Meter) show() {
	line := m.what + " " + humanize.Bytes(uint64(max(0, m.done)))
	if m.total > 0 {
		done := min(m.done, m.total)
		bar := make([]byte, meterWidth)
		for i := range bar {
			bar[i] = '-'
			if int64(i)*m.total < done*meterWidth {
				bar[i] = '#'
			}
		}
		line = fmt.Sprintf("%s [%s] %d%%", m.what, bar, done*100/m.total)
	}
	if line != m.shown {
		m.shown = line
		fmt.Fprint(m.out, "\r\x1b[K", line)
	}
}

// Finish leaves the line.
func (m *Meter) Finish() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown != "" {
		fmt.Fprintln(m.out)
		m.shown = ""
	}
}

// reader counts what is read of r.
func (m *Meter) reader(r io.Reader) io.Reader {
	if m == nil {
		return r
	}
	return &meteredReader{r, m}
}

// readerAt counts what is read of r.
func (m *Meter) readerAt(r io.ReaderAt) io.ReaderAt {
	if m == nil {
		return r
	}
	return &meteredReaderAt{r, m}
}

type meteredReader struct {
	r io.Reader
	m *Meter
}

// Read implements io.Reader.
func (r *meteredReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.m.add(n)
	return n, err
}

type meteredReaderAt struct {
	r io.ReaderAt
	m *Meter
}

// ReadAt implements io.ReaderAt.
func (r *meteredReaderAt) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.r.ReadAt(p, offset)
	r.m.add(n)
	return n, err
}

package podworker

import (
	"bytes"
	"io"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/petcd/petcd/orchestrator/kubelet/cri"
)

// How much of a container's last words goes into its status: of its file, and of its log.
const (
	maxMessage  = 4096
	maxLogTail  = 2048
	maxLogLines = 80
)

// message is what a container that ended left to be told: its termination message, or the end of its log if it failed and asked for that.
// The API has no room for bytes that aren't text.
func (w *worker) message(c *cri.Container) string {
	return strings.ToValidUTF8(w.lastWords(c), "\uFFFD")
}

func (w *worker) lastWords(c *cri.Container) string {
	if c.TerminationMessagePath != "" {
		if text := head(w.messageFile(c.Name, c.Attempt)); text != "" {
			return text
		}
	}
	if c.ExitCode != 0 && c.TerminationMessagePolicy == v1.TerminationMessageFallbackToLogsOnError {
		return logTail(c.LogPath)
	}
	return ""
}

func head(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, maxMessage)) // what could be read is better than nothing
	return string(text)
}

// logTail is the end of a CRI log without its stamps.
func logTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	const window = 4 * maxLogTail // stamps take room, too
	if info, err := f.Stat(); err == nil && info.Size() > window {
		if _, err := f.Seek(-window, io.SeekEnd); err != nil {
			return ""
		}
	}
	raw, _ := io.ReadAll(io.LimitReader(f, window))
	var lines []string
	for line := range bytes.Lines(raw) {
		// time, stream, tag, text
		if parts := strings.SplitN(string(line), " ", 4); len(parts) == 4 {
			text := parts[3]
			if strings.HasPrefix(parts[2], "P") {
				text = strings.TrimSuffix(text, "\n")
			}
			lines = append(lines, text)
		}
	}
	text := strings.Join(lines[max(0, len(lines)-maxLogLines):], "")
	return text[max(0, len(text)-maxLogTail):]
}

package tour

import (
	"regexp"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// differences are what differs from one run to the next, each with what stands for it in a comparison. Their order matters.
var differences = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`[─]+`), "─"}, // the lines of a table are as wide as what is in it
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "UID"},
	{regexp.MustCompile(`\b(v|petcd-cri://)\d+\.\d+\.\d+[-+.\w]*`), "${1}VERSION"},
	{regexp.MustCompile(`\b10\.\d+\.\d+\.\d+\b`), "ADDRESS"}, // of pods and Services; nodes' are always the same
	{regexp.MustCompile(`^client: .*`), "client: ADDRESS"},
	{regexp.MustCompile(`\bworker[12]\b`), "WORKER"},               // which of the two, the scheduler decides
	{regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`), "TOKEN"}, // of nodes that join
	{regexp.MustCompile(`-[0-9a-f]{8,10}\b`), "-HASH"},             // of a pod's template
	{regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{5}\b`), "-NAME"},
	{regexp.MustCompile(`\b[0-9a-f]{12,64}\b`), "ID"},
	{regexp.MustCompile(` from \w+ namespace$`), ""}, // what a kubectl from 1.34 on adds to what it has deleted
	{regexp.MustCompile(`[ \t]+`), " "},              // columns are as wide as what is in them
}

// noise is what a kubectl up to 1.33 prints when a server's first, empty message of a session outruns it.
var noise = regexp.MustCompile(`websocket\.go:\d+\] Unknown stream id \d+, discarding message$`)

// word is what ages stand as: flags, which have theirs after an equals sign, keep them.
var word = regexp.MustCompile(`[^ \t():,]+`)

// age is also how long something took.
var age = regexp.MustCompile(`^(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?(s|ms|µs))?$`)

// normal is a line without what differs from one run to the next.
func normal(line string) string {
	for _, d := range differences {
		line = d.pattern.ReplaceAllString(line, d.instead)
	}
	return strings.TrimSpace(word.ReplaceAllStringFunc(line, func(w string) string {
		if age.MatchString(w) {
			return "AGE"
		}
		return w
	}))
}

// normals are lines without what differs, and without empty ones at the end.
func normals(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		out = append(out, normal(line))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// Matches tells whether what is seen is what is shown, but for what differs from one run to the next.
func Matches(shown, seen []string) bool {
	return matchLines(normals(shown), normals(seen))
}

// Begins tells whether what is seen so far has all that is shown.
func Begins(shown, seen []string) bool {
	return matchLines(append(normals(shown), anything), normals(seen))
}

func matchLines(shown, seen []string) bool {
	if len(shown) == 0 {
		return len(seen) == 0
	}
	if shown[0] == anything {
		for skipped := range len(seen) + 1 {
			if matchLines(shown[1:], seen[skipped:]) {
				return true
			}
		}
		return false
	}
	return len(seen) > 0 && matchLine(shown[0], seen[0]) && matchLines(shown[1:], seen[1:])
}

func matchLine(shown, seen string) bool {
	parts := strings.Split(shown, anything)
	last := len(parts) - 1
	if last == 0 {
		return shown == seen
	}
	rest, begins := strings.CutPrefix(seen, parts[0])
	if !begins {
		return false
	}
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[last])
}

// Diff shows in which lines two outputs differ, without what may differ.
func Diff(shown, seen []string) string {
	return unified(strings.Join(normals(shown), newline), strings.Join(normals(seen), newline))
}

func unified(shown, seen string) string {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(shown), B: difflib.SplitLines(seen), FromFile: "shown", ToFile: "seen", Context: 3,
	})
	if err != nil {
		return err.Error()
	}
	return text
}

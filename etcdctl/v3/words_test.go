package v3

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wordPattern is etcdctl's definition of a word, the model splitWords is held to.
var wordPattern = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|[^'"\s]\S*[^'"\s]?`)

// modelWords splits by the pattern.
func modelWords(line string) ([]string, error) {
	words := wordPattern.FindAllString(line, -1)
	for i, w := range words {
		switch w[0] {
		case '\'':
			words[i] = w[1 : len(w)-1]
		case '"':
			if _, err := fmt.Sscanf(w, "%q", &words[i]); err != nil {
				return nil, err
			}
		}
	}
	return words, nil
}

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{``, nil},
		{`put a b`, []string{"put", "a", "b"}},
		{"put\ta \t b ", []string{"put", "a", "b"}},
		{`put "a b" 'c "d'`, []string{"put", "a b", `c "d`}},
		{`put "tab\t" "quote\""`, []string{"put", "tab\t", `quote"`}},
		{`put '' ""`, []string{"put", "", ""}},
		{`put un"closed 'word`, []string{"put", `un"closed`, "word"}},
		{`watch "a`, []string{"watch", "a"}},
		{`a'b c'd`, []string{"a'b", "c'd"}},
	} {
		got, err := splitWords(c.line)
		require.NoError(t, err, c.line)
		require.Equal(t, c.want, got, c.line)
	}
	_, err := splitWords(`put "\q"`)
	require.ErrorIs(t, err, strconv.ErrSyntax)
	require.Equal(t, exitInvalidInput, exitCode(err))
}

// FuzzSplitWords holds the splitter to the pattern it stands for.
func FuzzSplitWords(f *testing.F) {
	for _, seed := range []string{``, `put a b`, `"a\"b" 'c' d"e`, `"\x41" '`, "'\n' \"\\\n\"", `\"a b`, "\v\u00a0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\r") {
			t.Skip("lines have no line ends")
		}
		want, wantErr := modelWords(line)
		got, err := splitWords(line)
		require.Equal(t, wantErr != nil, err != nil, "%v, %v", wantErr, err)
		if err == nil {
			require.Equal(t, want, got)
		}
	})
}

// FuzzParseLeaseID reads any argument as a lease's id. What is accepted names one lease, however it is written.
func FuzzParseLeaseID(f *testing.F) {
	for _, arg := range []string{"1f", "-1", "694d77aa9e38260f", "0x1f", "1_0", "", "8000000000000000"} {
		f.Add(arg)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		id, err := parseLeaseID(arg)
		if err != nil {
			return
		}
		again, err := parseLeaseID(strconv.FormatInt(int64(id), 16))
		require.NoError(t, err)
		require.Equal(t, id, again)
	})
}

package tour

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const page = "# Page\n\n```sh\n$ not ours\n```\n\n```console\n$ one \\\n  --more\nprinted\n\n$ two\n```\ntext\n```console other-terminal\n$ program\n…\n^C\nend\n```\n"

func TestAPageIsReadAndWrittenAsItIs(t *testing.T) {
	d, err := Parse(page)
	require.NoError(t, err)
	require.Equal(t, page, d.String())
	require.Len(t, d.Blocks, 2)
	require.Equal(t, []*Step{{Command: "one \\\n  --more", Output: []string{"printed", ""}}, {Command: "two"}}, d.Blocks[0].Steps)
	require.Equal(t, 7, d.Blocks[0].Line)
	require.True(t, d.Blocks[1].Other)
	require.Equal(t, []*Step{{Command: "program", Output: []string{"…"}}, {Command: "^C", Output: []string{"end"}}}, d.Blocks[1].Steps)
}

func TestPagesThatCannotBePlayed(t *testing.T) {
	for text, says := range map[string]string{
		"```console\n```\n":                   "line 1: a block without a command",
		"a\n```console\n$ x\n":                "line 2: a block that doesn't end",
		"```console\nprinted\n$ x\n```\n":     `line 2: "printed" is before the block's first command`,
		"```console\n^C\n```\n":               `line 2: "^C" is before`,
		"a\n\n```console here\n$ x\n```\nb\n": "line 3: a block is of kind",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, says, text)
	}
}

package corruption

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhoMayStart(t *testing.T) {
	own := digest{hash: 1, revision: 9, compact: 3}
	says := func(id uint64, hash uint32) answer {
		return answer{id: id, digest: digest{hash: hash, revision: own.revision, compact: own.compact}}
	}
	away := answer{id: 99, err: errors.New("connection refused")}
	behind := answer{id: 98, digest: digest{hash: 7, revision: own.revision - 1, compact: own.compact}}
	compacted := answer{id: 97, digest: digest{hash: 7, revision: own.revision, compact: own.compact + 1}}
	for name, test := range map[string]struct {
		answers []answer
		refused bool
	}{
		"all agree":                        {[]answer{says(11, 1), says(12, 1)}, false},
		"nobody answers":                   {[]answer{away, away}, false},
		"nobody can be compared":           {[]answer{behind, compacted}, false},
		"beside a bad one":                 {[]answer{says(11, 1), says(12, 2)}, false},
		"the bad one":                      {[]answer{says(11, 2), says(12, 2)}, true},
		"the bad one, another away":        {[]answer{says(11, 2), says(12, 2), says(13, 2), away}, true},
		"one of two":                       {[]answer{says(11, 2)}, true},
		"all different":                    {[]answer{says(11, 2), says(12, 3)}, true},
		"half of four":                     {[]answer{says(11, 1), says(12, 2), says(13, 2)}, true},
		"beside a bad one, another away":   {[]answer{says(11, 2), away}, false},
		"beside a bad one, another behind": {[]answer{says(11, 2), behind}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := New(Config{}).admit(10, own, test.answers)
			if test.refused {
				require.ErrorIs(t, err, ErrInconsistent)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

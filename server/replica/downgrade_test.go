package replica

import (
	"testing"

	"github.com/coreos/go-semver/semver"
	"github.com/stretchr/testify/require"

	"github.com/petcd/petcd/server/membership"
)

func TestNextVersion(t *testing.T) {
	v := func(text string) *semver.Version {
		if text == "" {
			return nil
		}
		return semver.New(text)
	}
	for name, test := range map[string]struct{ have, least, target, want string }{
		"new cluster":                {"", "3.7.0", "", "3.7.0"},
		"new cluster, one away":      {"", "", "", "3.0.0"},
		"as it is":                   {"3.7.0", "3.7.0", "", ""},
		"all can more":               {"3.6.0", "3.7.0", "", "3.7.0"},
		"one away":                   {"3.6.0", "", "", ""},
		"never lower by itself":      {"3.7.0", "3.6.0", "", ""},
		"downgrade":                  {"3.7.0", "3.7.0", "3.6.0", "3.6.0"},
		"downgrade, one away":        {"3.7.0", "", "3.6.0", ""},
		"downgrade made":             {"3.6.0", "3.7.0", "3.6.0", ""},
		"not two minor versions":     {"3.7.0", "3.7.0", "3.5.0", ""},
		"not below what is spoken":   {"3.7.0", "3.6.0", "3.6.0", ""},
		"a target that is no target": {"3.7.0", "3.7.0", "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := membership.Downgrade{TargetVersion: test.target, Enabled: test.target != ""}
			require.Equal(t, v(test.want), nextVersion(v(test.have), v(test.least), d))
		})
	}
}

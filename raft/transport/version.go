package transport

import (
	"strconv"
	"strings"
)

// release is a version's major and minor number: patches never matter between members.
type release struct{ major, minor int }

// parseRelease reads "major.minor" or more. What can't be read counts as 2.0, as a server that says nothing does.
func parseRelease(s string) release {
	major, rest, _ := strings.Cut(s, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if errA != nil || errB != nil {
		return release{major: 2}
	}
	return release{a, b}
}

func (r release) less(o release) bool {
	return r.major < o.major || (r.major == o.major && r.minor < o.minor)
}

// compatible tells whether two servers can talk: neither is older than what the other one can still talk to.
func compatible(localVersion, localMin, remoteVersion, remoteMin string) bool {
	return !parseRelease(remoteVersion).less(parseRelease(localMin)) &&
		!parseRelease(localVersion).less(parseRelease(remoteMin))
}

package backup

import "regexp"

// packages are the names of packages that errors begin with, alone or one after the other.
var packages = regexp.MustCompile(`(^|: |\n)(?:(?:backup|etcddb|etcddir|replica|storage: restore|storage|v2copy): )+`)

// Message is what a command shows of an error: its text without the names of packages, which say nothing to the one who
// called it.
func Message(err error) string { return packages.ReplaceAllString(err.Error(), "$1") }

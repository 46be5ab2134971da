package config

import "strings"

// mask stands for what is not to be shown.
const mask = "***"

// Masked is a command line to be logged or shown: without the passwords of the
// discovery service, in whichever form they are given.
func Masked(args []string) []string {
	shown := make([]string, 0, len(args))
	secret := "" // the flag whose value the next argument is
	for _, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		flag := strings.TrimPrefix(strings.TrimPrefix(name, "-"), "-")
		switch {
		case secret != "":
			arg, secret = masked(secret, arg), ""
		case flag == name || !hasPassword(flag):
		case joined:
			arg = name + "=" + masked(flag, value)
		default:
			secret = flag
		}
		shown = append(shown, arg)
	}
	return shown
}

// hasPassword names the flags that take one.
func hasPassword(flag string) bool { return flag == "discovery-password" || flag == "discovery-user" }

// masked is the value of a flag, or of its variable, without the password. A user's is behind the first
// colon, if there is one.
func masked(flag, value string) string {
	switch flag {
	case "discovery-password":
		return mask
	case "discovery-user":
		if name, _, found := strings.Cut(value, ":"); found {
			return name + ":" + mask
		}
	}
	return value
}

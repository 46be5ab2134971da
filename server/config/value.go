package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// kind is the type a setting has in a YAML file. On the command line and in
// the environment everything is text.
type kind int

const (
	kindString kind = iota
	kindBool
	kindNumber
	kindCount // a number that is not negative
	kindDuration
	kindList
	kindNames // a list that earlier releases had as one text
)

// value is a flag.Value made of two functions.
type value struct {
	kind kind
	set  func(string) error
	get  func() string
}

// Set parses text into the field behind the value.
func (v *value) Set(text string) error { return v.set(text) }

// String is the field's present text; the flag package also calls it on a zero
// value.
func (v *value) String() string {
	if v == nil || v.get == nil {
		return ""
	}
	return v.get()
}

// IsBoolFlag lets "-name" stand for "-name=true".
func (v *value) IsBoolFlag() bool { return v.kind == kindBool }

var (
	errParse = errors.New("parse error")
	errRange = errors.New("value out of range")
)

// numberError words a strconv error as the flag package does.
func numberError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, strconv.ErrRange):
		return errRange
	default:
		return errParse
	}
}

// text is a setting taken as it is.
func text(p *string) *value {
	return &value{kindString, func(s string) error { *p = s; return nil }, func() string { return *p }}
}

// choice is a text out of a closed set.
func choice(p *string, valid ...string) *value {
	set := func(s string) error {
		if !slices.Contains(valid, s) {
			return errors.New("invalid value")
		}
		*p = s
		return nil
	}
	return &value{kindString, set, func() string { return *p }}
}

// boolean is a flag that may stand without a value.
func boolean(p *bool) *value {
	set := func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errParse
		}
		*p = b
		return nil
	}
	return &value{kindBool, set, func() string { return strconv.FormatBool(*p) }}
}

// unsigned is a number of any unsigned type.
func unsigned[T uint | uint32 | uint64](p *T) *value {
	set := func(s string) error {
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			return numberError(err)
		}
		if uint64(T(n)) != n {
			return errRange
		}
		*p = T(n)
		return nil
	}
	return &value{kindNumber, set, func() string { return strconv.FormatUint(uint64(*p), 10) }}
}

// signed is a number of any signed type.
func signed[T int | int64](p *T) *value {
	set := func(s string) error {
		n, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			return numberError(err)
		}
		if int64(T(n)) != n {
			return errRange
		}
		*p = T(n)
		return nil
	}
	return &value{kindNumber, set, func() string { return strconv.FormatInt(int64(*p), 10) }}
}

// duration is written like "5s" in a flag and as integer nanoseconds in YAML.
func duration(p *time.Duration) *value {
	set := func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil {
			return errParse
		}
		*p = d
		return nil
	}
	return &value{kindDuration, set, func() string { return p.String() }}
}

// millis is a duration that etcd's flag counts in whole milliseconds.
func millis(p *time.Duration) *value {
	set := func(s string) error {
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			return numberError(err)
		}
		if n > uint64(1<<63-1)/uint64(time.Millisecond) {
			return errRange
		}
		*p = time.Duration(n) * time.Millisecond
		return nil
	}
	return &value{kindNumber, set, func() string { return strconv.FormatInt(p.Milliseconds(), 10) }}
}

// list is comma-separated text without repeats.
func list(p *[]string) *value {
	set := func(s string) error {
		*p = nil
		for _, item := range strings.Split(s, ",") {
			if item = strings.TrimSpace(item); item != "" && !slices.Contains(*p, item) {
				*p = append(*p, item)
			}
		}
		return nil
	}
	return &value{kindList, set, func() string { return strings.Join(*p, ",") }}
}

// names is a list that a YAML file may also give as one text.
func names(p *[]string) *value {
	v := list(p)
	v.kind = kindNames
	return v
}

// commaText is a list that is one comma-separated text in a YAML file too.
func commaText(p *[]string) *value {
	v := list(p)
	v.kind = kindString
	return v
}

// origins is "*", or comma-separated URLs.
func origins(p *[]string) *value {
	v := commaText(p)
	set := v.set
	v.set = func(s string) error {
		if s == "*" {
			return set(s)
		}
		us, err := types.NewURLs(strings.Split(s, ","))
		if err != nil {
			return err
		}
		return set(us.String())
	}
	return v
}

// urls is comma-separated URLs, kept sorted and without repeats. As in etcd an
// empty text leaves the setting as it is.
func urls(p *[]url.URL) *value {
	set := func(s string) error {
		if s == "" {
			return nil
		}
		parsed, err := types.NewURLs(strings.Split(s, ","))
		if err != nil {
			return err
		}
		*p = slices.CompactFunc([]url.URL(parsed), func(a, b url.URL) bool { return a.String() == b.String() })
		return nil
	}
	return &value{kindString, set, func() string { return types.URLs(*p).String() }}
}

// fixed is a setting that petcd reads only to compare it with its default. Its
// text is normalised by kind, so that "0" and "0s" or "1" and "true" agree.
func fixed(k kind, def string) *value {
	now := def
	set := func(s string) error {
		n, err := normal(k, s)
		if err != nil {
			return err
		}
		now = n
		return nil
	}
	return &value{k, set, func() string { return now }}
}

// normal rewrites a text of the given kind into its one spelling.
func normal(k kind, s string) (string, error) {
	switch k {
	case kindBool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return "", errParse
		}
		return strconv.FormatBool(b), nil
	case kindCount:
		n, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			return "", numberError(err)
		}
		return strconv.FormatUint(n, 10), nil
	case kindNumber:
		n, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			return "", numberError(err)
		}
		return strconv.FormatInt(n, 10), nil
	case kindDuration:
		d, err := time.ParseDuration(s)
		if err != nil {
			return "", errParse
		}
		return d.String(), nil
	case kindString, kindList, kindNames:
		return s, nil
	}
	return "", fmt.Errorf("unknown kind %d", k)
}

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Kind tells how a setting is written.
type Kind uint8

const (
	One   Kind = iota // one text
	Many              // a list of texts; between commas in a variable, repeated as a flag
	Yes               // true or false
	Table             // a mapping or a list of mappings; in the file alone
)

// Setting documents one setting, for flags, usage texts and schemas.
type Setting struct {
	Name string // key in the file
	Flag string // name of the flag, "" when it is the file's alone; the variable is ISSUANT_ and the flag in capitals
	Arg  string // what stands for the value in a usage text
	Kind Kind
	Doc  string
	Enum []string // the only values; nil = others too
}

// setting is one row of the table: T is Config or Counterpart.
type setting[T any] struct {
	Setting
	set func(t *T, v value, bad func(line int, format string, args ...any))
}

// value is what one source says for a setting.
type value struct {
	place string
	texts []string
	node  *yaml.Node // from the file; nil from a flag or variable
}

// one is a setting of one text that parse turns into a value.
func one[T any](s Setting, parse func(t *T, text string) error) setting[T] {
	return setting[T]{s, func(t *T, v value, bad func(int, string, ...any)) {
		if v.node != nil && v.node.Kind != yaml.ScalarNode || len(v.texts) != 1 {
			bad(0, "takes one value")
			return
		}
		if err := parse(t, v.texts[0]); err != nil {
			bad(0, "%w", err)
		}
	}}
}

// many is a setting of a list.
func many[T any](s Setting, parse func(t *T, texts []string) error) setting[T] {
	s.Kind = Many
	return setting[T]{s, func(t *T, v value, bad func(int, string, ...any)) {
		if len(v.texts) == 0 {
			bad(0, "the list is empty; leave it out")
			return
		}
		if err := parse(t, v.texts); err != nil {
			bad(0, "%w", err)
		}
	}}
}

func text[T any](s Setting, field func(t *T) *string) setting[T] {
	return one(s, func(t *T, v string) error {
		if v == "" {
			return fmt.Errorf("has no value")
		}
		*field(t) = v
		return nil
	})
}

func choice[T any](s Setting, field func(t *T) *string, values ...string) setting[T] {
	s.Enum = values
	return one(s, func(t *T, v string) error {
		for _, have := range values {
			if v == have {
				*field(t) = v
				return nil
			}
		}
		return fmt.Errorf("%q is not one of %s", v, strings.Join(values, ", "))
	})
}

func yes[T any](s Setting, field func(t *T) *bool) setting[T] {
	s.Kind = Yes
	return one(s, func(t *T, v string) error {
		switch v {
		case "true", "1":
			*field(t) = true
		case "false", "0":
			*field(t) = false
		default:
			return fmt.Errorf("%q is neither true nor false", v)
		}
		return nil
	})
}

// duration bounds are inclusive.
func duration[T any](s Setting, field func(t *T) *time.Duration, least, most time.Duration) setting[T] {
	return one(s, func(t *T, v string) error {
		d, err := ParseDuration(v)
		if err != nil {
			return err
		}
		if d < least || d > most {
			return fmt.Errorf("%s is not between %s and %s", v, short(least), short(most))
		}
		*field(t) = d
		return nil
	})
}

// ParseDuration reads a Go duration, whole seconds or days ("400d").
func ParseDuration(v string) (time.Duration, error) {
	if n, err := strconv.ParseInt(v, 10, 32); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	if days, ok := strings.CutSuffix(v, "d"); ok {
		if n, err := strconv.ParseInt(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a duration (5m) nor whole seconds", v)
	}
	return d, nil
}

// short prints a duration without its zero parts: 24h, not 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func integer[T any](s Setting, field func(t *T) *int, least, most int) setting[T] {
	return one(s, func(t *T, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", v)
		}
		if n < least || n > most {
			return fmt.Errorf("%d is not between %d and %d", n, least, most)
		}
		*field(t) = n
		return nil
	})
}

// size takes bytes, KiB or MiB; bounds are bytes, inclusive.
func size[T any](s Setting, field func(t *T) *int, least, most int) setting[T] {
	return one(s, func(t *T, v string) error {
		digits, unit := v, 1
		for suffix, n := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20} {
			if rest, ok := strings.CutSuffix(v, suffix); ok {
				digits, unit = strings.TrimSpace(rest), n
			}
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n > math.MaxInt/unit {
			return fmt.Errorf("%q is not a number of bytes (262144, 256KiB, 1MiB)", v)
		}
		if n *= unit; n < least || n > most {
			return fmt.Errorf("%s is not between %d and %d bytes", v, least, most)
		}
		*field(t) = n
		return nil
	})
}

func fraction[T any](s Setting, field func(t *T) *float64) setting[T] {
	return one(s, func(t *T, v string) error {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || f < 0 || f > 1 {
			return fmt.Errorf("%q is not a number between 0 and 1", v)
		}
		*field(t) = f
		return nil
	})
}

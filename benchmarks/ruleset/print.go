package ruleset

import (
	"fmt"
	"strconv"
	"strings"
)

// Expr is the condition in the syntax of expr, which is ours too.
func Expr(c Cond) string {
	switch c := c.(type) {
	case And:
		return joined(c, " and ", Expr)
	case Or:
		return joined(c, " or ", Expr)
	case Compare:
		return fmt.Sprintf("%s %s %s", c.Field, c.Op, literal(c.Value))
	case In:
		op := "in"
		if c.Not {
			op = "not in"
		}
		return fmt.Sprintf("%s %s [%s]", c.Field, op, literals(c.Values))
	case Holds:
		return fmt.Sprintf("%q in %s", c.Value, c.Field)
	case Matches:
		return fmt.Sprintf("%s matches %q", c.Field, c.Pattern)
	}
	panic(fmt.Sprintf("%T", c))
}

// joined writes a list of conditions, with brackets around lists within.
func joined(list []Cond, op string, print func(Cond) string) string {
	parts := make([]string, len(list))
	for i, c := range list {
		parts[i] = print(c)
		switch c.(type) {
		case And, Or:
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, op)
}

func literal(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
}

func literals(list []string) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = strconv.Quote(s)
	}
	return strings.Join(parts, ", ")
}

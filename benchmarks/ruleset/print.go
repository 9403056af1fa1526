package ruleset

import (
	"fmt"
	"reflect"
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

// CEL is the condition in the Common Expression Language.
func CEL(c Cond) string {
	switch c := c.(type) {
	case And:
		return joined(c, " && ", CEL)
	case Or:
		return joined(c, " || ", CEL)
	case In:
		s := fmt.Sprintf("%s in [%s]", c.Field, literals(c.Values))
		if c.Not {
			s = "!(" + s + ")"
		}
		return s
	case Matches:
		return fmt.Sprintf("%s.matches(%q)", c.Field, c.Pattern)
	}
	return Expr(c) // the same words
}

// Rego is a module with one rule head for each way in which a rule can match: Rego
// writes a disjunction as several rules.
func Rego(list []Rule) string {
	var b strings.Builder
	b.WriteString("package weighed\n\n")
	for i, r := range list {
		for _, way := range ways(r.When) {
			fmt.Fprintf(&b, "hits contains %d if { %s }\n", i, strings.Join(way, "; "))
		}
	}
	return b.String()
}

// ways is the disjunctive form of a condition, clause by clause.
func ways(c Cond) [][]string {
	switch c := c.(type) {
	case Or:
		var out [][]string
		for _, one := range c {
			out = append(out, ways(one)...)
		}
		return out
	case And:
		out := [][]string{nil}
		for _, one := range c {
			var longer [][]string
			for _, head := range out {
				for _, tail := range ways(one) {
					longer = append(longer, append(head[:len(head):len(head)], tail...))
				}
			}
			out = longer
		}
		return out
	case In:
		not := ""
		if c.Not {
			not = "not "
		}
		return [][]string{{fmt.Sprintf("%sinput.%s in {%s}", not, c.Field, literals(c.Values))}}
	case Holds:
		return [][]string{{fmt.Sprintf("%q in input.%s", c.Value, c.Field)}}
	case Matches:
		return [][]string{{fmt.Sprintf("regex.match(%q, input.%s)", c.Pattern, c.Field)}}
	}
	return [][]string{{"input." + Expr(c)}}
}

// Go is the condition as a Go expression over an event e.
func Go(c Cond) string {
	switch c := c.(type) {
	case And:
		return joined(c, " && ", Go)
	case Or:
		return joined(c, " || ", Go)
	case Compare:
		return fmt.Sprintf("%s %s %s", member(c.Field), c.Op, literal(c.Value))
	case In:
		parts := make([]string, len(c.Values))
		for i, v := range c.Values {
			parts[i] = fmt.Sprintf("%s == %q", member(c.Field), v)
		}
		s := "(" + strings.Join(parts, " || ") + ")"
		if c.Not {
			s = "!" + s
		}
		return s
	case Holds:
		return fmt.Sprintf("slices.Contains(%s, %q)", member(c.Field), c.Value)
	}
	panic(fmt.Sprintf("%T has no plain form", c))
}

// member is the Go name of a field of an Event.
func member(field string) string {
	name, t := "e", reflect.TypeFor[Event]()
	for part := range strings.SplitSeq(field, ".") {
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("json") == part {
				name, t = name+"."+f.Name, f.Type
				break
			}
		}
	}
	return name
}

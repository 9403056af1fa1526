package compile

// CodeInfo is one row of the table of diagnostic codes.
type CodeInfo struct {
	Code     string   // stable, never reused: R0101, ...
	Severity Severity // of every diagnostic with this code
	Text     string   // one sentence
}

// Codes returns every diagnostic code, sorted. The caller owns the slice.
func Codes() []CodeInfo { return append([]CodeInfo(nil), codes...) }

var codes = []CodeInfo{
	{"R0101", SeverityError, "A file of the pack is missing or cannot be read."},
	{"R0102", SeverityError, "The pack has no rules."},
	{"R0103", SeverityError, "A file is not UTF-8."},
	{"R0104", SeverityError, "A file holds a control character, or a tab where YAML wants blanks."},
	{"R0105", SeverityError, "A file is not YAML."},
	{"R0106", SeverityError, "A YAML file holds more than one document."},
	{"R0107", SeverityError, "A YAML file uses an anchor, an alias or a tag; packs do not."},
	{"R0108", SeverityError, "A key stands twice in one mapping."},
	{"R0109", SeverityError, "A key is not known."},
	{"R0110", SeverityError, "A value is of the wrong kind."},
	{"R0111", SeverityError, "A key that must be there is missing."},
	{"R0112", SeverityError, "A named limit is exceeded."},
	{"R0113", SeverityError, "A file or folder stands where it would be passed over."},
	{"R0114", SeverityError, "A file is empty."},

	{"R0201", SeverityError, "The pack has no default outcome."},
	{"R0202", SeverityError, "A value is not one of the words that are allowed there."},
	{"R0203", SeverityError, "on_error is green."},
	{"R0204", SeverityError, "The event schema is not known."},
	{"R0205", SeverityError, "The pack's own schema is malformed."},
	{"R0206", SeverityError, "The thresholds do not fit the hit policy or are out of order."},
	{"R0207", SeverityError, "green_requires names a fact that a rule cannot read."},
	{"R0208", SeverityError, "A step-up channel is not known, or stands twice."},
	{"R0209", SeverityError, "A parameter's value or bound does not fit its type."},
	{"R0210", SeverityError, "A parameter is out of its bounds."},
	{"R0211", SeverityError, "A number is out of its range."},
	{"R0212", SeverityError, "A name is malformed."},
	{"R0213", SeverityError, "The path of a list file is malformed."},
	{"R0214", SeverityError, "Two sections have one name."},

	{"R0301", SeverityError, "A rule's id is malformed."},
	{"R0302", SeverityError, "Two rules have one id."},
	{"R0303", SeverityError, "A rule's effect is not known."},
	{"R0304", SeverityError, "A rule's weight does not fit its effect, or its effect does not fit the hit policy."},
	{"R0305", SeverityError, "A rule's action code is not known, or its effect is not red."},
	{"R0306", SeverityError, "A rule's requirement is not known."},
	{"R0307", SeverityError, "A date or an instant is malformed."},
	{"R0308", SeverityError, "A rule's reason is malformed."},
	{"R0309", SeverityError, "The params of a rule are not those that its condition reads."},

	{"R0401", SeverityError, "A condition cannot be parsed."},
	{"R0402", SeverityError, "A field is not known."},
	{"R0403", SeverityError, "A function is not known."},
	{"R0404", SeverityError, "A parameter is not known."},
	{"R0405", SeverityError, "A list is not known."},
	{"R0406", SeverityError, "A rule reads a label, which is known only afterwards."},
	{"R0407", SeverityError, "A group of fields stands where a value is wanted."},
	{"R0408", SeverityError, "A form of expr that conditions do not have."},
	{"R0409", SeverityError, "A function whose answer does not depend on the event alone."},
	{"R0410", SeverityError, "An operand is of the wrong type."},
	{"R0411", SeverityError, "Values of different types are compared."},
	{"R0412", SeverityError, "A condition is neither true nor false."},
	{"R0413", SeverityError, "A function has too few or too many arguments."},
	{"R0414", SeverityError, "An argument is of the wrong type."},
	{"R0415", SeverityError, "Something must be a constant."},
	{"R0416", SeverityError, "A regular expression is malformed."},
	{"R0417", SeverityError, "A value is compared with nil."},
	{"R0418", SeverityError, "A list, a range or # stands where it has no meaning."},
	{"R0419", SeverityError, "A range or a list of literals is empty or mixed."},
	{"R0420", SeverityError, "A literal is out of range or malformed."},
	{"R0421", SeverityError, "A condition looks like it holds a card number."},

	{"R0450", SeverityWarning, "A text is compared with a value that the field's known values do not hold."},
	{"R0451", SeverityWarning, "The rules together cost more than max_cost, so that decisions will be degraded."},
	{"R0452", SeverityWarning, "A parameter or list is declared, but nothing reads it."},

	{"R0501", SeverityError, "The header of a list file is not value,expires,note."},
	{"R0502", SeverityError, "A row of a list file is malformed."},
	{"R0503", SeverityError, "The expiry of a list entry is malformed."},
	{"R0504", SeverityError, "A list file holds what looks like a card number."},
	{"R0505", SeverityWarning, "A list file is not declared in pack.yaml."},

	{"R0601", SeverityError, "An event of a test names a field that is not known."},
	{"R0602", SeverityError, "A fact of a test is of the wrong type."},
	{"R0603", SeverityError, "An instant or offset of a test is malformed."},
	{"R0604", SeverityError, "A test names a rule that the pack does not have."},
	{"R0605", SeverityError, "A test contradicts itself."},
	{"R0606", SeverityError, "Two cases of a file have one name."},

	{"R0701", SeverityError, "A file has a form for which fmt has no canonical layout."},
	{"R0702", SeverityError, "The canonical layout would change the pack's id."},
}

func severityOf(code string) Severity {
	for i := range codes {
		if codes[i].Code == code {
			return codes[i].Severity
		}
	}
	return SeverityError
}

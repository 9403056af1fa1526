package trust

// What the tests look at besides.
var (
	PAE            = pae
	ParseStatement = parseStatement
)

func StatementBytes(s Statement) []byte { return s.bytes() }

package ruleset

import (
	"bytes"
	"fmt"
	"io/fs"
	"testing/fstest"
)

// rulesPerFile keeps files of rules far below the limit of one.
const rulesPerFile = 2000

// Pack is the folder of a pack with these rules, as an author would write it.
func Pack(list []Rule) fs.FS {
	files := fstest.MapFS{"pack.yaml": {Data: []byte("name: weighed\nversion: \"1\"\ndefault: green\nlimits: {max_cost: 100000000}\n")}}
	var b bytes.Buffer
	for i, r := range list {
		fmt.Fprintf(&b, "- id: %s\n  effect: %s\n  when: |\n    %s\n  why: It has the shape %q.\n", r.ID, r.Effect, Expr(r.When), r.Shape)
		if (i+1)%rulesPerFile == 0 || i == len(list)-1 {
			files[fmt.Sprintf("rules/%05d.yaml", i)] = &fstest.MapFile{Data: bytes.Clone(b.Bytes())}
			b.Reset()
		}
	}
	return files
}

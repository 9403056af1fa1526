package strictjson

import "strings"

// nameTree finds equal names among many in a number of steps that grows with the
// logarithm of their number, whatever the names are. It is a balanced tree and no map:
// the seeds of Go's maps are part of a snapshot of the WASM module, which anybody may
// read, and who knows them can write names that all fall on one place.
//
// The tree is Arne Andersson's: a red node is the right child of a black one, and level
// counts the black nodes down to a leaf. Index 0 is no node.
type nameTree struct {
	nodes []nameNode
	root  int32
}

type nameNode struct {
	key         string
	name        span
	left, right int32
	level       int32
}

// add puts a name in, unless one of the same key is there, which it then returns.
func (t *nameTree) add(key string, name span) (have span, found bool) {
	if t.nodes == nil {
		t.nodes = make([]nameNode, 1, 4*smallObject)
	}
	t.root, have, found = t.insert(t.root, key, name)
	return have, found
}

// insert puts a name in below a node, and returns the node that then stands there. It
// goes no deeper than twice the logarithm of the number of nodes.
func (t *nameTree) insert(at int32, key string, name span) (top int32, have span, found bool) {
	if at == 0 {
		t.nodes = append(t.nodes, nameNode{key: key, name: name, level: 1})
		return int32(len(t.nodes) - 1), span{}, false
	}
	var below int32
	switch c := strings.Compare(key, t.nodes[at].key); {
	case c == 0:
		return at, t.nodes[at].name, true
	case c < 0:
		below, have, found = t.insert(t.nodes[at].left, key, name)
		t.nodes[at].left = below
	default:
		below, have, found = t.insert(t.nodes[at].right, key, name)
		t.nodes[at].right = below
	}
	if found {
		return at, have, true
	}
	return t.split(t.skew(at)), span{}, false
}

// skew turns a left child of the same level to the right.
func (t *nameTree) skew(at int32) int32 {
	n := &t.nodes[at]
	l := n.left
	if l == 0 || t.nodes[l].level != n.level {
		return at
	}
	n.left, t.nodes[l].right = t.nodes[l].right, at
	return l
}

// split lifts the middle of three nodes in a row of the same level.
func (t *nameTree) split(at int32) int32 {
	n := &t.nodes[at]
	r := n.right
	if r == 0 || t.nodes[r].right == 0 || t.nodes[t.nodes[r].right].level != n.level {
		return at
	}
	n.right, t.nodes[r].left = t.nodes[r].left, at
	t.nodes[r].level++
	return r
}

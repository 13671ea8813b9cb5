package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// readFile reads the settings of one YAML file.
func readFile(name string) ([]Assignment, error) {
	b, err := os.ReadFile(name)
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return nil, &Error{Msg: fmt.Sprintf("-c %s: %v", name, pe.Err), Hint: "pretrain recipes show demo > my.yaml  makes a file to start from"}
	}
	if err != nil {
		return nil, err
	}
	return parseYAML(name, b)
}

// parseYAML turns a mapping, nested one level at most, into assignments in the order of the file.
func parseYAML(name string, b []byte) ([]Assignment, error) {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, syntaxError(name, b, err)
	}
	y := yamlReader{name: name, lines: strings.Split(string(b), "\n")}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue // a file of comments only
		}
		if err := y.mapping(doc.Body, ""); err != nil {
			return nil, err
		}
	}
	return y.out, nil
}

type yamlReader struct {
	name  string
	lines []string
	out   []Assignment
}

func (y *yamlReader) mapping(n ast.Node, prefix string) error {
	m, ok := n.(ast.MapNode)
	if !ok {
		return y.fail(n, "not a list of settings such as  batch: 256")
	}
	for it := m.MapRange(); it.Next(); {
		key := prefix + it.Key().String()
		if err := y.setting(key, it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return nil
}

func (y *yamlReader) setting(key string, at, value ast.Node) error {
	line := at.GetToken().Position.Line
	a := Assignment{Key: key, Origin: fmt.Sprintf("%s:%d", y.name, line),
		Name: fmt.Sprintf("%s:%d: %s", y.name, line, key), Source: y.around(line)}
	switch v := value.(type) {
	case ast.MapNode:
		if strings.Contains(key, ".") {
			return y.fail(at, key+" is nested too deep")
		}
		return y.mapping(value, key+".")
	case *ast.SequenceNode:
		for _, e := range v.Values {
			text, ok := scalar(e)
			if !ok {
				return y.fail(e, key+" holds something that is no plain value")
			}
			a.Texts = append(a.Texts, text)
		}
	default:
		text, ok := scalar(value)
		if !ok {
			return y.fail(at, key+" has no value")
		}
		a.Texts = []string{text}
	}
	y.out = append(y.out, a)
	return nil
}

// scalar is the text of a plain value as it stands in the file: 1e-3 stays 1e-3, off stays off.
func scalar(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.NullNode, *ast.AnchorNode, *ast.AliasNode, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return "", false
	default:
		return n.GetToken().Value, true
	}
}

func (y *yamlReader) fail(n ast.Node, what string) error {
	line := n.GetToken().Position.Line
	return &Error{Msg: fmt.Sprintf("%s:%d: %s", y.name, line, what), Source: y.around(line)}
}

// around shows a line of the file with the one before it.
func (y *yamlReader) around(line int) (out []string) {
	for i := max(1, line-1); i <= line && i <= len(y.lines); i++ {
		mark := " "
		if i == line {
			mark = ">"
		}
		out = append(out, fmt.Sprintf("%s %d | %s", mark, i, y.lines[i-1]))
	}
	return out
}

// syntaxError puts the parser's finding into the form of all messages.
func syntaxError(name string, b []byte, err error) error {
	var ye yaml.Error
	if !errors.As(err, &ye) || ye.GetToken() == nil {
		return &Error{Msg: fmt.Sprintf("%s: not YAML: %v", name, err)}
	}
	y := yamlReader{name: name, lines: strings.Split(string(b), "\n")}
	line := ye.GetToken().Position.Line
	return &Error{Msg: fmt.Sprintf("%s:%d: %s", name, line, ye.GetMessage()), Source: y.around(line)}
}

package settings

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A Field describes one setting, as the tags of its struct field do.
type Field struct {
	Key     string // aug.crop_min
	Group   string // heading in the help
	Default string // "recipe" where recipes decide
	Help    string
	Min     string // "" without bound
	Max     string
	OneOf   []string // nil where any word goes
	Neutral bool     // cannot change a result
	index   []int    // path to the struct field
}

// Fields lists all settings in the order of the struct, nested ones in place.
func Fields() []Field { return walk(reflect.TypeFor[Train](), "", nil) }

func walk(t reflect.Type, prefix string, path []int) (fields []Field) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + f.Tag.Get("key")
		index := append(append([]int(nil), path...), i)
		if _, leaf := f.Tag.Lookup("help"); !leaf {
			fields = append(fields, walk(f.Type, key+".", index)...)
			continue
		}
		field := Field{
			Key: key, Group: f.Tag.Get("group"), Default: f.Tag.Get("default"), Help: f.Tag.Get("help"),
			Min: f.Tag.Get("min"), Max: f.Tag.Get("max"), Neutral: f.Tag.Get("neutral") == "yes", index: index,
		}
		if words := f.Tag.Get("oneof"); words != "" {
			field.OneOf = strings.Split(words, "|")
		}
		fields = append(fields, field)
	}
	return fields
}

// Flag is the setting's name on the command line: aug.crop-min.
func (f Field) Flag() string { return strings.ReplaceAll(f.Key, "_", "-") }

// Env is the setting's name in the environment: PRETRAIN_AUG_CROP_MIN.
func (f Field) Env() string {
	return "PRETRAIN_" + strings.ToUpper(strings.ReplaceAll(f.Key, ".", "_"))
}

// Switch says whether the setting is on or off, so that the flag alone means on.
func (f Field) Switch() bool {
	return reflect.TypeFor[Train]().FieldByIndex(f.index).Type.Kind() == reflect.Bool
}

// Repeats says whether the setting takes several values.
func (f Field) Repeats() bool {
	return reflect.TypeFor[Train]().FieldByIndex(f.index).Type.Kind() == reflect.Slice
}

// Text is the setting's value in t, as every layer could spell it; lists are joined by commas.
func (f Field) Text(t *Train) string { return strings.Join(f.texts(t), ",") }

func (f Field) texts(t *Train) []string {
	switch v := reflect.ValueOf(t).Elem().FieldByIndex(f.index).Interface().(type) {
	case []string:
		return v
	case bool:
		if v {
			return []string{"on"}
		}
		return []string{"off"}
	case float64:
		return []string{strconv.FormatFloat(v, 'g', -1, 64)}
	default:
		return []string{fmt.Sprint(v)}
	}
}

// set parses texts into the setting of t. Errors say what was expected, not where the text came from.
func (f Field) set(t *Train, texts []string) error {
	v := reflect.ValueOf(t).Elem().FieldByIndex(f.index)
	if v.Kind() == reflect.Slice {
		v.Set(reflect.ValueOf(append([]string(nil), texts...)))
		return nil
	}
	if len(texts) != 1 {
		return fmt.Errorf("takes one value, not %d", len(texts))
	}
	if err := parse(v, texts[0]); err != nil {
		return fmt.Errorf("%q is %w", texts[0], err)
	}
	return f.check(v, texts[0])
}

func parse(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		on, known := map[string]bool{"on": true, "true": true, "yes": true, "1": true, "off": false, "false": false, "no": false, "0": false}[text]
		if !known {
			return fmt.Errorf("neither on nor off")
		}
		v.SetBool(on)
	case reflect.Int:
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", "")) // 65_536, as Go and YAML write it
		if err != nil {
			return fmt.Errorf("not a whole number")
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || x != x {
			return fmt.Errorf("not a number")
		}
		v.SetFloat(x)
	}
	return nil
}

// check applies oneof, min and max.
func (f Field) check(v reflect.Value, text string) error {
	if f.OneOf != nil && !slices.Contains(f.OneOf, text) {
		return &wordError{text, f.OneOf}
	}
	x, ok := value(v)
	if !ok {
		return nil
	}
	if lo, err := strconv.ParseFloat(f.Min, 64); err == nil && x < lo {
		return fmt.Errorf("%s is below %s", text, f.Min)
	}
	if hi, err := strconv.ParseFloat(f.Max, 64); err == nil && x > hi {
		return fmt.Errorf("%s is above %s", text, f.Max)
	}
	return nil
}

// A wordError is a word that is none of those allowed; the words are for the hint.
type wordError struct {
	text  string
	words []string
}

func (e *wordError) Error() string {
	return fmt.Sprintf("%q is none of %s%s", e.text, strings.Join(e.words, ", "), DidYouMean(e.text, e.words, ""))
}

// value is the number that min and max bound; false where there is none.
func value(v reflect.Value) (float64, bool) {
	switch x := v.Interface().(type) {
	case Override:
		return x.Value, x.Given
	case Extra:
		return float64(x), x >= 0
	case Auto:
		return float64(x), x != 0
	case int:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

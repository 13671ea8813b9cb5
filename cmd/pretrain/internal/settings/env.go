package settings

import (
	"fmt"
	"strings"
)

// readEnv takes PRETRAIN_* variables as settings. An unknown one is a warning and no error: it may belong to
// another version of kith, or to a launcher.
func readEnv(environ []string) (layer []Assignment, warnings []string) {
	byName := map[string]Field{}
	var names []string
	for _, f := range Fields() {
		byName[f.Env()] = f
		names = append(names, f.Env())
	}
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "PRETRAIN_") {
			continue
		}
		f, ok := byName[name]
		if !ok {
			warnings = append(warnings, fmt.Sprintf("unknown variable %s is ignored%s", name, DidYouMean(name, names, "")))
			continue
		}
		texts := []string{value}
		if f.Repeats() {
			texts = strings.Split(value, ",")
		}
		layer = append(layer, Assignment{Key: f.Key, Texts: texts, Origin: "env", Name: name})
	}
	return layer, warnings
}

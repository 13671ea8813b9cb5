package settings

import (
	"fmt"
	"strings"
)

// check looks at what no single setting can know.
func (s *Settings) check() error {
	for _, f := range Fields() {
		if f.Default == "recipe" && s.origin[f.Key] == "default" {
			return &Error{Msg: fmt.Sprintf("recipe %s leaves %s open", s.Recipe, f.Key),
				Hint: "add  " + f.Key + "=VALUE"}
		}
	}
	if s.Epochs == 0 && s.Steps == 0 && s.Budget == 0 {
		return &Error{Msg: "the run has no length", Hint: "give one of --epochs 100, --steps 5000, --budget 30m"}
	}
	if len(s.Data) == 0 {
		return &Error{Msg: "no data named", Hint: "pretrain DIR, or --data builtin:patches"}
	}
	if s.Out != "" && s.Name != "" {
		return &Error{Msg: "out and name are both given: name is the last element of out",
			Hint: "leave out one of them"}
	}
	if strings.ContainsAny(s.Name, `/\`) || s.Name == "." || s.Name == ".." {
		return &Error{Msg: fmt.Sprintf("--name %q is a path", s.Name), Hint: "--out takes a path, --name only its last element"}
	}
	if s.Queue != 0 && s.TopK > int(s.Queue) {
		return &Error{Msg: fmt.Sprintf("top_k %d > queue %d: there are fewer rows than neighbors", s.TopK, s.Queue),
			Hint: fmt.Sprintf("--top-k 1, or --queue %d", s.TopK)}
	}
	return nil
}

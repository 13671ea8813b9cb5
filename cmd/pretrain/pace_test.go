package main

import (
	"strings"
	"testing"

	"kith/nnclr/data"
)

// TestPace: warm-up and scores of a short run fit into it, those of a long one and what the user named stay.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		line string
		want string // flags chosen
	}{
		{"steps=5", "--warmup 0 --knn-bank 2000 --eval-every 2"},
		{"steps=40", "--warmup 4 --eval-every 7"},
		{"steps=600", ""},
		{"steps=30 warmup=20 batch=32", "--knn-bank 2000 --eval-every 13"},
		{"steps=5 warmup=30 knn_bank=3000 eval_every=2", ""},
		{"steps=5 warmup=0 labels=none", ""},
		{"epochs=12 warmup=10e batch=256", ""},
		{"budget=10s", ""},
	} {
		s := load(t, c.line)
		images := squares{8192, 48}
		p := &parts{sets: &data.Sets{Train: images, Bank: images, Score: squares{2048, 48}}}
		if s.Labels == "none" {
			p.sets.Bank, p.sets.Score = nil, nil
		}
		p.loader = buildLoader(s, images, nil, nil)
		if err := p.pace(s); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.chosen, " "); got != c.want {
			t.Errorf("%s: chose %q, want %q", c.line, got, c.want)
		}
	}
}

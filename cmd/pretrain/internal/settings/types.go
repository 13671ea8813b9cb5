package settings

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Span is a length of wall time, written as 100s, 10m or 2h30m.
type Span time.Duration

// UnmarshalText reads a span; a bare number is refused, since 100 could mean seconds or steps.
func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d < 0 {
		return fmt.Errorf("not a length of time such as 100s, 10m or 2h")
	}
	*s = Span(d)
	return nil
}

// String gives the shortest text that reads back as the same span: 10m, not 10m0s.
func (s Span) String() string {
	t := time.Duration(s).String()
	if strings.HasSuffix(t, "m0s") {
		t = strings.TrimSuffix(t, "0s")
	}
	if strings.HasSuffix(t, "h0m") {
		t = strings.TrimSuffix(t, "0m")
	}
	return t
}

// A Share is a part of 1, written as 1% or 0.01.
type Share float64

// UnmarshalText reads a share between 0 and 1.
func (s *Share) UnmarshalText(b []byte) error {
	text, percent := strings.CutSuffix(string(b), "%")
	if percent {
		text += "e-2" // divides before rounding to binary, so that 16.67% is 0.1667 exactly
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("not a share such as 1%% or 0.01")
	}
	*s = Share(v)
	return nil
}

// String writes the share in percent, without the digits that binary fractions add.
func (s Share) String() string {
	return strconv.FormatFloat(math.Round(float64(s)*1e8)/1e6, 'g', -1, 64) + "%"
}

// An Every is a distance between two events of a run: exactly one of its fields is set, or none for "never".
type Every struct {
	Steps int
	Time  time.Duration
	Share float64 // of the whole run
}

// UnmarshalText reads steps (500), time (10m), a share of the run (10%), or 0 for never.
func (e *Every) UnmarshalText(b []byte) error {
	text := string(b)
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		*e = Every{Steps: n}
		return nil
	}
	var share Share
	if strings.HasSuffix(text, "%") && share.UnmarshalText(b) == nil {
		*e = Every{Share: float64(share)}
		return nil
	}
	var span Span
	if span.UnmarshalText(b) == nil {
		*e = Every{Time: time.Duration(span)}
		return nil
	}
	return fmt.Errorf("neither steps (500) nor a time (10m) nor a share of the run (10%%)")
}

// String writes the distance as UnmarshalText reads it.
func (e Every) String() string {
	switch {
	case e.Time > 0:
		return Span(e.Time).String()
	case e.Share > 0:
		return Share(e.Share).String()
	}
	return strconv.Itoa(e.Steps)
}

// A Length is a part of a run counted in steps or in epochs.
type Length struct {
	N      int
	Epochs bool
}

// UnmarshalText reads steps (30) or epochs (10e).
func (l *Length) UnmarshalText(b []byte) error {
	text, epochs := strings.CutSuffix(string(b), "e")
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("neither steps (30) nor epochs (10e)")
	}
	*l = Length{n, epochs}
	return nil
}

// String writes the length as UnmarshalText reads it.
func (l Length) String() string {
	if l.Epochs {
		return strconv.Itoa(l.N) + "e"
	}
	return strconv.Itoa(l.N)
}

// An Override is a number that may take the place of a preset's.
type Override struct {
	Given bool
	Value float64
}

// Or is the override's number, or that of the preset.
func (o Override) Or(preset float64) float64 {
	if o.Given {
		return o.Value
	}
	return preset
}

// UnmarshalText reads a number from 0 on, or the word preset.
func (o *Override) UnmarshalText(b []byte) error {
	if string(b) == "preset" {
		*o = Override{}
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(v >= 0) {
		return fmt.Errorf("neither a number from 0 on nor the word preset")
	}
	*o = Override{true, v}
	return nil
}

// String writes the override as UnmarshalText reads it.
func (o Override) String() string {
	if !o.Given {
		return "preset"
	}
	return strconv.FormatFloat(o.Value, 'g', -1, 64)
}

// An Auto is a number from 1 on, or 0 where kith is to choose it.
type Auto int

// UnmarshalText reads a whole number, or the word auto.
func (a *Auto) UnmarshalText(b []byte) error {
	if string(b) == "auto" {
		*a = 0
		return nil
	}
	n, err := strconv.Atoi(strings.ReplaceAll(string(b), "_", "")) // 65_536, as Go and YAML write it
	if err != nil || n < 1 {
		return fmt.Errorf("neither a whole number from 1 on nor the word auto")
	}
	*a = Auto(n)
	return nil
}

// String writes the number as UnmarshalText reads it.
func (a Auto) String() string {
	if a == 0 {
		return "auto"
	}
	return strconv.Itoa(int(a))
}

// An Extra is a number from 0 on, or -1 where kith is to choose it.
type Extra int

// UnmarshalText reads a whole number, or the word auto.
func (x *Extra) UnmarshalText(b []byte) error {
	if string(b) == "auto" {
		*x = -1
		return nil
	}
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 0 {
		return fmt.Errorf("neither a whole number from 0 on nor the word auto")
	}
	*x = Extra(n)
	return nil
}

// String writes the number as UnmarshalText reads it.
func (x Extra) String() string {
	if x < 0 {
		return "auto"
	}
	return strconv.Itoa(int(x))
}

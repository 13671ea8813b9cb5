package rundir

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kith/internal/fsys"
)

func mustOpen(t *testing.T, d *Dir, step int) *Metrics {
	t.Helper()
	m, err := d.OpenMetrics(step)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func train(step int, loss float64) []Field {
	return []Field{{"t", 0.5 * float64(step)}, {"kind", "train"}, {"step", step}, {"loss", loss}, {"lr", float32(0.1)}}
}

func eval(step int) []Field {
	return []Field{{"t", 1.0}, {"kind", "eval"}, {"step", step}, {"name", "k,n\"n\n"}, {"top1", 0.75}, {"curve", []int{1, 2}}}
}

func mustWrite(t *testing.T, m *Metrics, records ...[]Field) {
	t.Helper()
	for _, r := range records {
		if err := m.Write(r...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMetrics(t *testing.T) {
	d := mustMake(t)
	m := mustOpen(t, d, 0)
	mustWrite(t, m, train(1, 3.684), eval(1), train(2, math.NaN()), train(3, math.Inf(-1)))
	if err := m.Write(Field{"x", func() {}}); err == nil || m.Lost() != 1 {
		t.Errorf("got %v, %d lost", err, m.Lost())
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"t":0.5,"kind":"train","step":1,"loss":3.684,"lr":0.1}
{"t":1,"kind":"eval","step":1,"name":"k,n\"n\n","top1":0.75,"curve":[1,2]}
{"t":1,"kind":"train","step":2,"loss":"nan","lr":0.1}
{"t":1.5,"kind":"train","step":3,"loss":"-inf","lr":0.1}
`
	if diff := cmp.Diff(want, mustRead(t, d, "metrics.jsonl")); diff != "" {
		t.Error(diff)
	}
	want = "t,kind,step,loss,lr\n0.5,train,1,3.684,0.1\n1,train,2,nan,0.1\n1.5,train,3,-inf,0.1\n"
	if diff := cmp.Diff(want, mustRead(t, d, "metrics.csv")); diff != "" {
		t.Error(diff)
	}
	want = "t,kind,step,name,top1\n1,eval,1,\"k,n\"\"n \",0.75\n"
	if diff := cmp.Diff(want, mustRead(t, d, "metrics-2.csv")); diff != "" {
		t.Error(diff)
	}
}

func TestRecords(t *testing.T) {
	d := mustMake(t)
	for _, err := range Records(d.Path) {
		if !errors.Is(err, fsys.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
	text := `{"step":1,"loss":"nan","kind":"train"}` + "\n\n\x00\x00\nnull\n[1]\n{\"st\n" + `{"step":2,"loss":1.5}` + "\n" + `{"step":3}`
	if err := os.WriteFile(d.Join("metrics.jsonl"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	var steps []float64
	for r, err := range Records(d.Path) {
		if err != nil {
			t.Fatal(err)
		}
		step, _ := r.Number("step")
		loss, ok := r.Number("loss")
		if steps = append(steps, step); !ok || step == 1 && loss == loss || step == 2 && loss != 1.5 {
			t.Errorf("%v: loss %v, %v", r, loss, ok)
		}
		if _, ok := r.Number("kind"); ok || r.Text("loss") == "1.5" {
			t.Errorf("%v: a word is no number", r)
		}
	}
	if diff := cmp.Diff([]float64{1, 2}, steps); diff != "" {
		t.Error(diff)
	}
}

// A run goes on from step 2 after a crash at step 4: no step appears twice, in either form, and the
// records without a step stay.
func TestCutBack(t *testing.T) {
	d := mustMake(t)
	m := mustOpen(t, d, 0)
	mustWrite(t, m, train(1, 1), []Field{{"kind", "event"}, {"name", "start"}}, train(2, 2), train(3, 3), eval(3), train(4, 4), eval(2))
	m.Close()
	file, err := os.OpenFile(d.Join("metrics.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString(`{"step":1,"torn`)
	file.Close()

	m = mustOpen(t, d, 2)
	mustWrite(t, m, train(3, 30))
	m.Close()
	var got []string
	for r, err := range Records(d.Path) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %v %v", r.Text("kind"), r["step"], r["loss"]))
	}
	want := []string{"train 1 1", "event <nil> <nil>", "train 2 2", "eval 2 <nil>", "train 3 30"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantCSV := "t,kind,step,loss,lr\n0.5,train,1,1,0.1\n1,train,2,2,0.1\n1.5,train,3,30,0.1\n"
	if diff := cmp.Diff(wantCSV, mustRead(t, d, "metrics.csv")); diff != "" {
		t.Error(diff)
	}
	// Three parts: loss and lr; name; top1. No new one was opened by the second process.
	if _, err := os.Stat(filepath.Join(d.Path, "metrics-4.csv")); err == nil {
		t.Error("a key that was known opened another table")
	}
}

// A header that a crash cut off must not become the columns of what follows.
func TestTornHeader(t *testing.T) {
	for _, text := range []string{"", "t,ki", "t,kind,step", "t,kind,step\n", "a,b,c,d\n", "t,kind,step,lo", "\"t\n"} {
		d := mustMake(t)
		m := mustOpen(t, d, 0)
		mustWrite(t, m, train(1, 1), eval(1))
		m.Close()
		if err := os.WriteFile(d.Join("metrics.csv"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		m = mustOpen(t, d, 1)
		mustWrite(t, m, train(2, 2), eval(2))
		m.Close()
		for name, want := range map[string]string{
			"metrics.csv":   "t,kind,step,loss,lr\n1,train,2,2,0.1\n",
			"metrics-2.csv": "t,kind,step,name,top1\n1,eval,2,\"k,n\"\"n \",0.75\n",
		} {
			if diff := cmp.Diff(want, mustRead(t, d, name)); diff != "" {
				t.Errorf("%q, %s: %s", text, name, diff)
			}
		}
	}
}

// Opening at the last step leaves a stream as it is: same file, not a copy.
func TestNothingToCut(t *testing.T) {
	d := mustMake(t)
	m := mustOpen(t, d, 0)
	mustWrite(t, m, train(1, 1), eval(1))
	m.Close()
	before, err := os.Stat(d.Join("metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	mustOpen(t, d, 1).Close()
	after, err := os.Stat(d.Join("metrics.jsonl"))
	if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
		t.Errorf("the stream was rewritten: %v", err)
	}
}

// A full disk loses records, is counted, and leaves later records readable.
func TestMetricsLost(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full on this system")
	}
	defer full.Close()
	d := mustMake(t)
	m := mustOpen(t, d, 0)
	good := m.file
	mustWrite(t, m, train(1, 1))
	m.file = full
	for range 2 {
		if m.Write(train(2, 2)...) == nil {
			t.Error("a full disk went unnoticed")
		}
	}
	m.file = good
	good.WriteString(`{"step":2,"half`) // as a disk that had room for half a line
	m.torn = true
	mustWrite(t, m, train(3, 3))
	m.Close()
	n := 0
	for _, err := range Records(d.Path) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 || m.Lost() != 2 {
		t.Errorf("%d records read, %d lost; want 2 and 2", n, m.Lost())
	}
}

// FuzzCut: whatever a crash left, opening the streams never fails, keeps no later step and no torn
// line.
func FuzzCut(f *testing.F) {
	f.Add([]byte("{\"step\":1}\n{\"step\":3}\n{\"ste"), 2)
	f.Add([]byte("\x00\x00\n{}\n"), 0)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		d := &Dir{Path: t.TempDir(), fs: fsys.OS{}}
		if err := os.WriteFile(d.Join("metrics.jsonl"), b, 0o666); err != nil {
			t.Fatal(err)
		}
		m, err := d.OpenMetrics(step)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for r, err := range Records(d.Path) {
			if s, ok := r.Number("step"); err != nil || ok && s > float64(step) {
				t.Errorf("%v, %v is left after step %d", r, err, step)
			}
		}
	})
}

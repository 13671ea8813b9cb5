package train

import (
	"encoding/json"
	"fmt"
	"math"
)

// A State is where a run stands, beside its tensors. All but Wall is a function of settings and
// data, so that two runs of the same settings have equal state files.
type State struct {
	Step    int // done
	Skipped int // of which the loss was not finite
	Bad     int // of which the last so many in a row
	Alarm   alarm
	Looks   int  // neighbor snapshots taken
	Owed    bool // an evaluation was due at Step and a stop cut it off
	First   []float64
	Recent  []float64 // losses of the first and the last steps
	Purity  float64
	Scores  Scores

	ConfigDigest, DataDigest string

	Wall Wall
}

// Scores are accuracies, shares of 1.
type Scores struct {
	Done                   bool // the floors are known
	Pixels, PixelsCentered float64
	Start, FewStart        float64 // the encoder at step 0
	Last, Best, Few        float64
}

// Wall is time spent, in seconds. It differs from run to run.
type Wall struct {
	Trained float64 // without evaluations
	Total   float64
}

// lossWindow is how many steps LossFirst and LossLast are the mean of.
const lossWindow = 10

// New is the state of a run that starts.
func New() *State { return &State{} }

func (s *State) addLoss(loss float64) {
	if len(s.First) < lossWindow {
		s.First = append(s.First, loss)
	}
	s.Recent = append(s.Recent, loss)
	if len(s.Recent) > lossWindow {
		s.Recent = s.Recent[1:]
	}
}

func (s *State) summary() *Summary {
	out := &Summary{
		KNN: s.Scores.Last, Start: s.Scores.Start, Pixels: s.Scores.Pixels, PixelsCentered: s.Scores.PixelsCentered,
		Few: s.Scores.Few, FewStart: s.Scores.FewStart, Purity: s.Purity, Steps: s.Step, Skipped: s.Skipped,
		LossFirst: mean(s.First), LossLast: mean(s.Recent),
	}
	if !s.Scores.Done {
		nan := math.NaN()
		out.KNN, out.Start, out.Pixels, out.PixelsCentered, out.Few, out.FewStart = nan, nan, nan, nan, nan, nan
	}
	return out
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// encode is the state as JSON: equal states give equal bytes.
func (s *State) encode() []byte {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // no field can fail
	}
	return append(b, '\n')
}

func decodeState(b []byte) (*State, error) {
	s := New()
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("state.json: %w", err)
	}
	if s.Step < 0 {
		return nil, fmt.Errorf("state.json: step %d", s.Step)
	}
	return s, nil
}

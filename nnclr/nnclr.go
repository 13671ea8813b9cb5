package nnclr

import (
	"fmt"
	"slices"

	"kith/nn"
	"kith/tensor"
)

// NNCLR pulls the prediction of one view towards the nearest neighbor of the other.
// Dwibedi et al., ICCV 2021, arXiv 2104.14548.
type NNCLR struct {
	Encoder, Projector, Predictor nn.Layer
	Support                       *Queue
	config                        Config
}

// Config is NNCLR's shape and its switches; the zero value of each switch is the paper's choice.
type Config struct {
	Features      int   // width of the encoder's output
	Projector     []int // widths of its layers, the last one the embedding's
	Predictor     []int // widths of its layers, the last one the embedding's
	HeadBias      bool  // biases in front of BatchNorm, as solo-learn has them
	Temperature   float64
	Search        Search // Width follows from Projector
	Push          string // "view1" (also ""), "view2" or "both"
	Form          string // "infonce" (also "") or "ntxent", lightly's
	Columns       bool   // add the loss of columns, as keras-io does
	OneSided      bool   // only the neighbors of view 1
	KeepNegatives bool   // only positives are neighbors, negatives keep the view
	NoPredictor   bool   // compare with the embedding itself
	Group         int    // negatives within groups of so many rows; 0: the whole batch
}

func init() {
	Register("nnclr", Config{
		Projector: []int{2048, 2048, 256}, Predictor: []int{4096, 256}, Temperature: 0.1,
	}, func(c Config, encoder nn.Layer) (Method, error) { return NewNNCLR(c, encoder) })
}

// NewNNCLR makes the heads and the support set around an encoder.
func NewNNCLR(c Config, encoder nn.Layer) (*NNCLR, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Search.Width = c.Projector[len(c.Projector)-1]
	support, err := NewQueue(c.Search)
	if err != nil {
		return nil, err
	}
	m := &NNCLR{
		Encoder:   encoder,
		Projector: nn.NewMLP(nn.MLP{In: c.Features, Widths: c.Projector, NormLast: true, Bias: c.HeadBias}),
		Support:   support,
		config:    c,
	}
	if !c.NoPredictor {
		m.Predictor = nn.NewMLP(nn.MLP{In: c.Search.Width, Widths: c.Predictor, Bias: c.HeadBias})
	}
	return m, nil
}

func (c Config) check() error {
	switch {
	case c.Features < 1 || len(c.Projector) == 0:
		return fmt.Errorf("a projector of widths %v on %d features has no shape", c.Projector, c.Features)
	case !c.NoPredictor && (len(c.Predictor) == 0 || c.Predictor[len(c.Predictor)-1] != c.Projector[len(c.Projector)-1]):
		return fmt.Errorf("predictor %v does not end at the projector's width %v", c.Predictor, c.Projector)
	case !(c.Temperature > 0):
		return fmt.Errorf("temperature %v, want a positive one", c.Temperature)
	case c.Search.Positive != "" && !slices.Contains(Positives, c.Search.Positive):
		return fmt.Errorf("no positive %q; there are %v", c.Search.Positive, Positives)
	case !slices.Contains([]string{"", "view1", "view2", "both"}, c.Push):
		return fmt.Errorf("no way to push %q; there are view1, view2 and both", c.Push)
	case !slices.Contains([]string{"", "infonce", "ntxent"}, c.Form):
		return fmt.Errorf("no form of the loss %q; there are infonce and ntxent", c.Form)
	}
	return nil
}

// Loss is half the loss of each view's neighbors against the other view's predictions.
func (m *NNCLR) Loss(c *nn.Ctx, b Batch) (*tensor.Tensor, Metrics) {
	z1, z2 := m.embed(c, b.Views[0]), m.embed(c, b.Views[1]) // [n, d], raw
	p1, p2 := m.predict(c, z1), m.predict(c, z2)             // [n, d], unit rows
	u1, u2 := z1.Wide().Unit(), z2.Wide().Unit()
	a1, a2 := m.Support.Nearest(c, u1, b), m.Support.Nearest(c, u2, b) // in the queue as the step began
	m.push(c, u1, u2, b)                                               // lands at commit
	metrics := m.Support.Metrics(c, a1, u1, b)
	loss, positive := m.compare(c, a1.Row, u1, p2)
	metrics["pos_prob"] = positive
	metrics["align"] = alignment(u1.Detach(), u2.Detach())
	if m.config.OneSided {
		return loss, metrics
	}
	other, _ := m.compare(c, a2.Row, u2, p1)
	return loss.Add(other).Scale(0.5), metrics
}

// Look finds the k rows of the support set nearest to views x: the images they came from, I32
// [n, k] (-1: none, or a row that no image wrote), and their cosines [n, k].
func (m *NNCLR) Look(c *nn.Ctx, x *tensor.Tensor, k int) (id, score *tensor.Tensor) {
	u := m.embed(c, x).Wide().Unit()
	nobody := u.Iota(0).Fill(-1)
	index, score := u.NearestRow(c.See(m.Support.Rows), nobody, c.See(m.Support.ID), tensor.NearestRow{K: k})
	n := u.Shape[0]
	ids := c.See(m.Support.ID).Reshape(m.config.Search.Size, 1).Gather(index.Reshape(n*k)).Reshape(n, k)
	return ids.Select(atLeastZero(index, tensor.F32), ids.Fill(-1)), score
}

func (m *NNCLR) embed(c *nn.Ctx, x *tensor.Tensor) *tensor.Tensor {
	return m.Projector.Forward(c, m.Encoder.Forward(c, x))
}

// predict is what neighbors are compared with. The predictor eats the raw embedding.
func (m *NNCLR) predict(c *nn.Ctx, z *tensor.Tensor) *tensor.Tensor {
	if m.Predictor != nil {
		z = m.Predictor.Forward(c, z)
	}
	return z.Wide().Unit()
}

func (m *NNCLR) push(c *nn.Ctx, u1, u2 *tensor.Tensor, b Batch) {
	switch m.config.Push {
	case "view2":
		m.Support.Push(c, u2, b)
	case "both":
		m.Support.Push(c, tensor.Join(u1, u2), b)
	default:
		m.Support.Push(c, u1, b)
	}
}

// compare is the loss of positives a (of views u) against predictions p, and the mean probability
// of the positives.
func (m *NNCLR) compare(c *nn.Ctx, a, u, p *tensor.Tensor) (loss, positive *tensor.Tensor) {
	if m.config.Form == "ntxent" {
		loss = NTXent(c, a, p, m.config.Temperature)
		return loss, loss.Detach().Scale(-1).Exp()
	}
	n := a.Shape[0]
	group := n
	if m.config.Group > 0 && m.config.Group < n {
		group = m.config.Group
	}
	for from := 0; from < n; from += group {
		to := min(from+group, n)
		rows, prob := m.rows(a.Slice(from, to), u.Detach().Slice(from, to), p.Slice(from, to))
		share := rows.Sum(0).Scale(1 / float64(n))
		prob = prob.Sum(0).Scale(1 / float64(n))
		if loss == nil {
			loss, positive = share, prob
		} else {
			loss, positive = loss.Add(share), positive.Add(prob)
		}
	}
	return loss, positive
}

// rows is the loss of each row, and the probability of its positive.
func (m *NNCLR) rows(a, u, p *tensor.Tensor) (rows, positive *tensor.Tensor) {
	tau := m.config.Temperature
	logits := similarities(a, p, tau)
	if m.config.KeepNegatives {
		logits = keep(a, u, p, tau)
	}
	rows = diagonal(logits)
	positive = rows.Detach().Scale(-1).Exp()
	if m.config.Columns {
		rows = rows.Add(diagonal(logits.Permute(1, 0)))
	}
	return rows, positive
}

// alignment is the mean squared distance of partners.
func alignment(u, v *tensor.Tensor) *tensor.Tensor {
	d := u.Sub(v)
	return d.RowDot(d).Mean()
}

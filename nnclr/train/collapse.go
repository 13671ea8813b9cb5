package train

// alarm watches for collapse: with batch norm at the projector's end the deviation of embeddings
// stays healthy even when all lie on one line, which the rank sees; without it the deviation does.
type alarm struct {
	Below   int  // checks in a row that looked collapsed
	Ringing bool // raised, and not over yet
}

const (
	collapsedStd  = 0.5 // of √d·std; 1 is healthy
	collapsedRank = 2.5
	firstCheck    = 20 // steps
	oftenUntil    = 100
	often         = 10
)

// asks tells whether a step is checked that need not be logged.
func (a *alarm) asks(step int) bool { return step <= oftenUntil && step%often == 0 }

// raised tells whether a check is the second in a row to look collapsed; once per collapse.
func (a *alarm) raised(step int, std, rank float64) bool {
	if step <= firstCheck {
		return false
	}
	if std >= collapsedStd && rank >= collapsedRank {
		a.Below, a.Ringing = 0, false
		return false
	}
	if a.Below++; a.Below < 2 || a.Ringing {
		return false
	}
	a.Ringing = true
	return true
}

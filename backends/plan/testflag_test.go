package plan

import _ "kith/internal/testflag" // for go test ./... -long

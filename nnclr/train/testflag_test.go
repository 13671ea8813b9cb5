package train

import _ "kith/internal/testflag" // for go test ./... -long

package data

import _ "kith/internal/testflag" // for go test ./... -long

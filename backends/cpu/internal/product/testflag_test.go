package product_test

import _ "kith/internal/testflag" // for go test ./... -long

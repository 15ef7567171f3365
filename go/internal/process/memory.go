// How often Go's collector runs inside somebody else's process.
//
// A fetch leaves a few hundred kilobytes behind and the live heap is small, so that at Go's default a tenth of the CPU time
// would go into collecting; at four times that, a few megabytes more stay. GOGC says otherwise where it is set.

package process

import (
	"os"
	"runtime/debug"
)

const collectAt = 400 // percent of the live heap

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}

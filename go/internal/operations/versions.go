// Which versions are inside the library.

package operations

import (
	"context"
	"runtime"
	"runtime/debug"
)

// changes is what pycoco's build changes in containers/image; golang.py puts it here.
const changes = ""

func versions(context.Context, *common) (any, [][]byte, error) {
	found := map[string]string{"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == "go.podman.io/image/v5" {
				found["containers/image"] = module.Version
				found["changed in it"] = changes
			}
		}
	}
	return found, nil, nil
}

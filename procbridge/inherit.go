package procbridge

import (
	"encoding/json"
	"fmt"
	"os"
)

// parseGrant reads the variable's value.
func parseGrant(value string) (*grant, error) {
	var g grant
	if err := json.Unmarshal([]byte(value), &g); err != nil {
		return nil, fmt.Errorf("%s: %w", EnvVar, err)
	}
	if g.V != grantVersion {
		return nil, fmt.Errorf("%s: version %d, this program reads version %d", EnvVar, g.V, grantVersion)
	}
	return &g, nil
}

// takeFiles takes all descriptors of a grant, or none.
func takeFiles(g *grant) (down, up *os.File, files map[string]*os.File, err error) {
	down, err = takePipe(g.Down, "down")
	if err != nil {
		return nil, nil, nil, err
	}
	up, err = takePipe(g.Up, "up")
	if err != nil {
		return nil, nil, nil, err
	}
	files = make(map[string]*os.File, len(g.Files))
	for name, n := range g.Files {
		if files[name], err = takeFile(n, name); err != nil {
			return nil, nil, nil, err
		}
	}
	return down, up, files, nil
}

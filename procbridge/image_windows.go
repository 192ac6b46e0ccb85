package procbridge

import "os"

// identify knows files by size and time: os.FileInfo shows no file index.
func identify(st os.FileInfo) fileID {
	return fileID{size: st.Size(), mtime: st.ModTime()}
}

package logging

import "golang.org/x/sys/unix"

// mountTiny mounts a file system of 64 KiB on dir.
func mountTiny(dir string) error { return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k") }

func unmount(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }

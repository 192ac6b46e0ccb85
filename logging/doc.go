// Package logging is the log of a whole process tree with one writer, so that
// several processes can log into one rotating file and nothing is lost, torn or
// interleaved.
//
//	child process                          top process
//	  logrus ─ Formatter ─ PipeWriter ═══▶ Collector ─┐
//	  fd 1, fd 2 (prints, panics)     ═══▶ Collector ─┤
//	                                       logrus ────┴▶ Writer ─▶ the log file
//	                                       fd 1, fd 2 ───────────▶ the log file
//
// Three invariants hold, and each has a test that tries to break it:
//
//   - The log file has one writer, in the top process. Only it rotates.
//   - A record that was accepted and not counted as lost is in the log, once
//     and whole, whatever happens to the process that wrote it.
//   - Nobody waits for the log longer than a second: what cannot be written in
//     that time is dropped and counted, and a line says how many.
//
// # Records
//
// A record ends with a newline that is not followed by a tab. So a record may
// have several lines: those after the first begin with a tab. The text format
// writes the newlines of a message that way, which keeps a stack trace readable,
// in one piece over pipes and rotations, and easy to put together again for
// whatever reads the file. The JSON format escapes newlines.
//
// # Capture of descriptors 1 and 2
//
// In the top process descriptors 1 and 2 become the log file itself and never a
// pipe: a pipe to ourselves would block as soon as its reader logs. In a child
// they are pipes to the top process, whose Collector makes a record of each line.
//
// The package knows nothing of actors or processes: it reads and writes files.
package logging

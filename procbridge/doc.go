// Package procbridge is a child process and the framed pipes to it: starting it, talking
// with it, seeing it die, ending it. It knows no actors, and it is the only package of this
// module that starts processes.
//
//	parent                                                  child
//	Start ── exec ─────────────────────────────────────────▶ Inherited
//	Process.Send, Deliver ── down ─▶ pipe, descriptor 3 ───▶ Parent.Commands, Deliveries
//	Process.Events ◀── up ── pipe, descriptor 4 ◀──────────  Parent.Hello, Send, Reply, Beats
//	Process.CloseLifeline, or death ── end of file on down ─▶ Parent.Gone
//	Exited, always the last event ◀── wait ────────────────  exit, crash, kill
//
// What holds whatever a child does:
//
//   - Only the parent holds the other end of a child's pipes, so the end of file on the
//     down pipe means that the parent is gone: seen within milliseconds, without polling.
//   - The exit status comes from wait. A process is seen dead first, then its group is
//     killed, then it is reaped: no signal ever reaches a stranger, and what a child leaves
//     in its group does not survive it (what left the group does, and cannot hold up Exited
//     for more than 200 ms).
//   - Sending never waits. Control frames are queued without a bound and overtake the
//     user's frames, which are bounded. Readers never wait for the user's code either.
//
// # The wire
//
// This is all that a program in another language needs in order to be a child. The
// environment variable SERVERENGINE_BRIDGE holds JSON, of which unknown keys are ignored:
//
//	{"v":1, "down":3, "up":4, "max":1052672, "queue":1024, "files":{"log":5}, "info":{"role":"worker"}}
//
// Read frames from descriptor "down" until its end of file: then the parent is gone, and the
// child finishes and exits. Write frames to descriptor "up". Unset the variable and make
// all descriptors close-on-exec at once: a grandchild that holds them hides deaths. Never
// write to "up" what is no frame; several threads write under a lock. A write that fails with
// EPIPE says that the parent is gone. Every frame is
//
//	byte   0    1    2    3    4    5    6    7    8 ...
//	     ┌────┬────┬────┬────┬───────────────────┬──────┐
//	     │ 'S'│ 'E'│  1 │type│ length, u32, big  │ body │   length counts the body alone,
//	     └────┴────┴────┴────┴───────────────────┴──────┘   0 to "max"
//
// All integers are unsigned and big endian. A frame of unknown type is skipped: a newer
// peer. Anything else that is no frame ends the conversation: the parent reports it and reads
// no more frames, a child takes its parent for gone.
//
// A body is a JSON object, unless it is drawn below; an empty body reads as {}. Times are
// integers in nanoseconds, bytes inside JSON are base64, an incarnation is a string
// "generation.slot.life" (of a server process: "generation"), a mode is "graceful" or
// "immediate". Names of the keys are those of the fields in package messages.
//
//	down   1 Begin      {"Incarnation":"1.0.1","Version":7,"Config":"…","Shared":{"name":"…"}}
//	       2 Configure  {"Version":8,"Body":"…","Cause":"start|reload|scale"}
//	       3 Stop       {"Mode":"graceful","Reason":"TERM"}     4 Restart {"Mode":"graceful"}
//	       5 LiveRestart    6 Interrupt {"Terminal":true}       7 Reload
//	       8 Scale {"Workers":4}    9 ScaleBy {"Delta":-1}     10 Dump
//	      11 Deliver    id u64 · slot u32 · name length u8 · name · the user's bytes
//
//	up    64 Hello      {"Min":1,"Max":1,"Build":"text","Pid":4711}   the first frame
//	      65 Ready      may get traffic now               66 Beat      alive
//	      67 Progress   the user's code makes progress    68 JobsDone  {"N":3}
//	      69 ConfigSeen {"Incarnation":"1.0.1","Version":8,"Err":"text"}
//	      70 Requested  a wish: type byte of a command · the command's body
//	      71 Reply      id u64 · flags u8 · name length u8 · name · the user's bytes;
//	                    flags bit 0: the bytes are the text of an error
//	      72 Closing    will exit without having been told to
//	      73 WorkerStarted  74 WorkerReady  75 WorkerStopping  76 WorkerExited  77 WorkerStuck
//	      78 RestartFinished, with the ID of the Restart if that had one    79 ServerStarted    80 ServerReady    81 ServerExited
//	      82 CommandStarted     83 CommandExited
//
// A worker answers Begin by starting its work, tells Ready, sends a Beat (any frame counts as
// one) about every second, ends its work at Stop or at the end of file and exits: there is no
// acknowledgement, the exit status is the answer. A Deliver with id 0 wants no reply, one
// with another id wants a Reply with the same id. Hello names the oldest and the newest
// version of this protocol that the child speaks; the only one is 1, and the third byte of a
// frame stays 1 in all of them.
package procbridge

# The log.

== A line has level, time, pid and message
promise: the logger extends Ruby's standard Logger
types: embedded thread process
supervisor: both
set my_levels: true
start
expect log /^I, \[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} #\d+\]  INFO -- : hello-info/
expect log /^W, \[.*\]  WARN -- : hello-warn/
expect log /^E, \[.*\] ERROR -- : hello-error/
expect log /^F, \[.*\] FATAL -- : hello-fatal/
expect log /^D, \[.*\] DEBUG -- : hello-debug/
expect no log /hello-trace/

== log_level trace shows what is below debug
promise: support 'trace' level, which is lower level than 'debug'
types: process
supervisor: both
set log_level: trace
set my_levels: true
start
expect log /^T, \[.*\] TRACE -- : hello-trace/
expect log /hello-fatal/

== log_level error hides what is below
promise: log_level: trace, debug, info, warn, error or fatal
types: embedded process
supervisor: both
set log_level: error
set my_levels: true
start
expect log /hello-error/
expect log /hello-fatal/
expect no log /hello-warn|hello-info|hello-debug/

== log_level changes by a reload
promise: log_level: dynamic reloadable
types: embedded process
supervisor: both
set log_level: fatal
set my_levels: true
start
expect log /hello-fatal/
expect no log /hello-info/
set log_level: debug
send USR2 to the top
expect server_reload
send USR1 to the top
expect log /hello-info/

== log changes to another path by a reload
promise: log: dynamic reloadable
types: embedded process
supervisor: both
start
expect run from all workers
set log: other.log
set my_levels: true
send USR2 to the top
expect server_reload
send USR1 to the top
expect file other.log with /hello-info/

== log: - writes to stdout
promise: log: set "-" for STDOUT
types: embedded process
supervisor: both
set log: "-"
set my_levels: true
start
expect output /INFO -- : hello-info/
expect no errors /hello-info/
expect no file -

== No log writes to stderr
promise: log default: STDERR
types: embedded process
supervisor: both
unset log
set my_levels: true
start
expect errors /INFO -- : hello-info/
expect no output /hello-info/

== The log is rotated by size, and generations are kept
promise: log_rotate_size, log_rotate_age; multiprocess aware log rotation
original: breaks: Ruby's logger counts the current file as a generation, and keeps one less
types: embedded thread process
supervisor: both
set workers: 3
set log_rotate_size: 5000
set log_rotate_age: 3
set my_burst: 300
start
expect run from all workers
expect 3 rotated logs

== log_rotate_age 0 turns rotation off
promise: log_rotate_age: 0 will disable log rotate
types: process
set log_rotate_size: 2000
set log_rotate_age: 0
set my_burst: 200
start
expect log /line 199 /
expect 0 rotated logs

== No line is lost or torn when several processes rotate
promise: support multiprocess aware log rotation
types: process
set workers: 4
set log_rotate_size: 20000
set log_rotate_age: 200
set my_burst: 500
start
expect run from all workers
expect 2000 burst lines

== A log that was moved away is opened again
promise: support reopening of log file
types: embedded process
supervisor: both
start
expect run from all workers
move the log away
set my_levels: true
send USR2 to the top
expect server_reload
send USR1 to the top
expect log /hello-info/
expect no first log /hello-info/

== A log that was moved away is noticed without a signal
promise: external rotation is noticed by inode
since: 2.3.0
types: process
start
expect run from all workers
move the log away
send KILL to worker 0
expect run from worker 0 with a new pid
expect file server.log
send KILL to worker 0
expect log /./

== What workers print is in the log
promise: log_stdout, log_stderr hook STDOUT and STDERR to log file (default: true)
types: embedded thread process spawn
supervisor: both
set my_prints: true
start
expect log /hello-stdout/
expect log /hello-stderr/
expect no output /hello-/
expect no errors /hello-/

== log_stdout false leaves stdout alone
promise: log_stdout: false
types: embedded process spawn
supervisor: both
set my_prints: true
set log_stdout: false
start
expect output /^hello-stdout$/
expect log /hello-stderr/
expect no log /hello-stdout/
expect no errors /hello-/

== log_stderr false leaves stderr alone
promise: log_stderr: false
types: embedded process spawn
supervisor: both
set my_prints: true
set log_stderr: false
start
expect errors /^hello-stderr$/
expect log /hello-stdout/
expect no log /hello-stderr/
expect no output /hello-/

== A logger of one's own
promise: logger_class: class of the logger instance
types: embedded process
supervisor: no
set my_logger: true
start
expect run from all workers
send USR2 to the top
expect log /^mine: /

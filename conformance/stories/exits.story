# Exit codes.

== An unrecoverable exit code: the worker is not started again, the whole ends with it
promise: unrecoverable_exit_codes handles worker processes as unrecoverable (not to restart)
types: process spawn
supervisor: both
set workers: 2
set unrecoverable_exit_codes: [3]
set my_end_after: 0.2
set my_end_code: 3
start
expect exit 3
expect all gone
expect run from worker 0 1 times exactly

== The README's exit code after unrecoverable exits
promise: the whole process will exit without error (exit code 0)
original: breaks: it exits with the worker's code
ours: differs: the code of the worker, so that whoever started the service knows why it ended
types: process
supervisor: yes
set unrecoverable_exit_codes: [3]
set my_end_after: 0.2
set my_end_code: 3
start
expect exit 0

== Other exit codes are recoverable
promise: auto restart
types: process spawn
supervisor: both
set unrecoverable_exit_codes: [3]
set my_end_after: 0.2
set my_end_code: 4
start
expect run from all workers 2 times
expect the top alive

== One unrecoverable worker leaves the others working
promise: stop_immediately_at_unrecoverable_exit (default: false)
types: process spawn
supervisor: both
set workers: 2
set unrecoverable_exit_codes: [3]
set my_end_after: 0.2
set my_end_code: 3
set my_end_worker: 0
set my_waits_for: 1
start
expect run from all workers
expect worker 0 gone
expect no stop for 1s
expect run from worker 0 1 times exactly
expect worker 1 alive
send TERM to the top
expect done from worker 1
expect all gone

== stop_immediately_at_unrecoverable_exit ends the server at the first one
promise: stop_immediately_at_unrecoverable_exit stops server immediately if a worker exits with unrecoverable exit status
types: process spawn
supervisor: both
set workers: 2
set unrecoverable_exit_codes: [3]
set stop_immediately_at_unrecoverable_exit: true
set my_end_after: 0.3
set my_waits_for: 1
set my_end_code: 3
set my_end_worker: 0
start
expect stop from worker 1
expect done from worker 1
expect exit 3
expect all gone

== The exit code of a stop is 0
promise: TERM: graceful shutdown
types: embedded thread process spawn
supervisor: both
start
expect run from all workers
send TERM to the top
expect exit 0

== A wrong worker_type is an error at the start
promise: an unknown worker_type is refused
types: embedded
supervisor: both
set worker_type: fibre
start
expect exit 1
expect all gone

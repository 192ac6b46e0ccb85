# Keys that the original does not have, and some that are seen nowhere else.

== sigdump_dir is where dumps go
promise: not in the README: sigdump_dir
original: lacks: no such key
types: embedded process
supervisor: both
set sigdump_dir: DIR
start
expect run from all workers
send CONT to the top
expect file sigdump-PID.log with /goroutine/
expect no dump of the top

== sigdump_heap writes a heap profile too
promise: not in the README: sigdump_heap
original: lacks: no such key
types: embedded process
supervisor: both
set sigdump_dir: DIR
set sigdump_heap: true
start
expect run from all workers
send CONT to the top
expect file sigdump-PID.log.heap with /./

== orphan_timeout is how long orphans may finish
promise: not in the README: orphan_timeout
original: lacks: orphans go on
types: process
supervisor: both
set orphan_timeout: 3
set my_deaf: true
start
expect run from all workers
send KILL to the top
expect all gone not before 2700ms
expect no done

== stop_timeout ends a stop that takes too long
promise: not in the README: stop_timeout
original: lacks: no such key
types: embedded thread process spawn
supervisor: both
set workers: 2
set stop_timeout: 2
set my_finish: 60
start
expect run from all workers
send TERM to the top
expect stop from all workers
expect all gone not before 1900ms
expect no done

== server_drain_timeout ends an old server that takes too long
promise: not in the README: server_drain_timeout
original: lacks: no such key
types: embedded thread process spawn
supervisor: yes
set server_drain_timeout: 2
set my_finish: 60
start
expect run from all workers
send INT to the top
expect before_run with a new pid
expect stop from all workers
expect the old server gone not before 1900ms
expect no done
expect the server alive
send QUIT to the top
expect all gone

== max_generations ends the oldest server
promise: not in the README: max_generations
original: lacks: no such key
types: thread process
supervisor: yes
set max_generations: 2
set my_finish: 60
start
expect run from all workers
send INT to the top
expect before_run with a new pid
expect stop from all workers
expect the old server alive for 1s
send INT to the top
expect before_run with a new pid
expect stop from all workers
expect the first server gone
expect the old server alive for 500ms
expect the server alive
expect no done
send QUIT to the top
expect all gone

== server_graceful_kill_timeout ends a server that does not stop
promise: server_graceful_kill_timeout sets promotion timeout from TERM to QUIT
original: breaks: its supervisor passes the signal on, and begins no ladder for a server
types: process spawn
supervisor: yes
set server_graceful_kill_interval: 0.5
set server_graceful_kill_timeout: 2
set my_finish: 60
set my_deaf: true
start
expect run from all workers
send TERM to the top
expect exit 0 not before 1900ms
expect all gone
expect no done

== restart_strategy all tells every worker at once
promise: not in the README: restart_strategy
original: lacks: it is its only one
types: process spawn
supervisor: both
set restart_strategy: all
set workers: 3
set my_finish: 6
start
expect run from all workers
send USR1 to the top
expect stop from all workers
expect no done
expect run from all workers with a new pid
expect done from all workers

== restart_strategy rolling replaces one after another
promise: not in the README: restart_strategy
original: lacks: no such key
types: thread process spawn
supervisor: both
set restart_strategy: rolling
set workers: 3
set my_finish: 0.3
set worker_ready_after: 0.7
start
expect run from all workers
send USR1 to the top
expect stop from all workers spread over 1300ms
expect done from all workers
expect run from all workers

== max_surge is how many replacements start at once
promise: not in the README: max_surge
original: lacks: no such key
types: process spawn
supervisor: both
set workers: 3
set max_surge: 2
set worker_ready_after: 8
start
expect run from all workers
send USR1 to the top
expect run from 2 workers with a new pid
expect no stop

== Without max_surge one replacement starts at a time
promise: not in the README: max_surge
original: lacks: no such key
types: process
supervisor: no
set workers: 3
set worker_ready_after: 2
start
expect run from all workers
send USR1 to the top
expect run from all workers with a new pid spread over 3800ms

== worker_drain_timeout ends an old worker that takes too long
promise: not in the README: worker_drain_timeout
original: lacks: no such key
types: process spawn
supervisor: both
set worker_drain_timeout: 2
set my_finish: 60
start
expect run from all workers
send USR1 to the top
expect stop from worker 0
expect run from worker 0 with a new pid
expect the old worker 0 gone not before 1900ms
expect no done
expect worker 0 alive
send QUIT to the top
expect all gone

== worker_ready_after is when a replacement counts as ready
promise: not in the README: worker_ready_after
original: lacks: no such key
types: process spawn
supervisor: both
set worker_ready_after: 2
start
expect run from all workers
send USR1 to the top
expect stop from worker 0 not before 1900ms

== worker_ready_timeout gives a restart up, and the old workers go on
promise: not in the README: worker_ready_timeout
original: lacks: no such key
types: process spawn
supervisor: both
set workers: 2
set worker_ready_after: 1
set worker_ready_timeout: 20
start
expect run from all workers
expect log /(?s)worker ready.*worker ready/
set worker_ready_after: 60
set worker_ready_timeout: 1
send USR1 to the top
expect run from worker 0
expect log /not ready within worker_ready_timeout/
expect no stop from worker 1 for 500ms
expect 2 worker processes
expect the server alive

== drain_wait is how long a stopping HTTP server still answers
promise: not in the README: drain_wait
original: lacks: it serves no HTTP
types: embedded thread process
supervisor: both
set drain_wait: 2
set my_socket: http
set my_port: PORT
start
expect run from all workers
send TERM to the top
expect stop from all workers
expect done from all workers not before 1900ms

== restart_backoff 0 restarts without waiting
promise: not in the README: restart_backoff
original: lacks: it waits half a second at most
types: process spawn
supervisor: no
set restart_backoff: 0
set max_restarts: 0
set my_end_after: 0.05
start
expect run 16 times within 60s

== restart_backoff_max bounds the waits
promise: not in the README: restart_backoff_max
original: lacks: no such key
types: process spawn
supervisor: no
set restart_backoff: 0.1
set restart_backoff_max: 0.1
set max_restarts: 0
set my_end_after: 0.05
start
expect run 16 times within 60s

== worker_stable_after forgets restarts
promise: not in the README: worker_stable_after
original: lacks: no such key
types: process spawn
supervisor: no
set restart_backoff: 30
set worker_stable_after: 0.1
set max_restarts: 0
set my_end_after: 0.5
start
expect run 10 times within 60s

== max_restarts within restart_window slow a worker down that ends too often
promise: not in the README: max_restarts
original: lacks: it starts it for ever
types: thread process spawn
supervisor: no
set max_restarts: 3
set restart_backoff: 0
set my_end_after: 0.05
start
expect run 4 times
expect log /restart limit exceeded/
expect no stop for 2s
expect run 4 times exactly
expect the top alive

== on_restart_limit stop ends the server with an error
promise: not in the README: on_restart_limit
original: lacks: it starts it for ever
types: thread process spawn
supervisor: no
set on_restart_limit: stop
set max_restarts: 3
set restart_backoff: 0
set my_end_after: 0.05
set my_end_code: 7
start
expect exit 1
expect all gone
expect run 4 times exactly

== on_restart_limit stop under a supervisor: the server ends, and another one is started
promise: not in the README: on_restart_limit
original: lacks: it starts it for ever
types: process
supervisor: yes
set on_restart_limit: stop
set max_restarts: 3
set restart_backoff: 0
set my_end_after: 0.05
start
expect run 4 times
expect log /restart limit exceeded/
expect before_run 2 times
expect the top alive

== restart_window is how long a restart counts
promise: not in the README: restart_window
original: lacks: no such key
types: thread process spawn
supervisor: no
set on_restart_limit: stop
set max_restarts: 1
set restart_window: 0.5
set restart_backoff: 0
set my_end_after: 0.7
start
expect run 5 times
expect the top alive

== supervision_strategy one_for_one restarts the one that ended
promise: not in the README: supervision_strategy
original: lacks: it is its only one
types: process spawn
supervisor: both
set workers: 3
set supervision_strategy: one_for_one
start
expect run from all workers
send KILL to worker 1
expect run from worker 1 with a new pid
expect no run from worker 0 for 500ms
expect no run from worker 2

== supervision_strategy one_for_all restarts all
promise: not in the README: supervision_strategy
original: lacks: no such key
types: process spawn
supervisor: both
set workers: 3
set supervision_strategy: one_for_all
start
expect run from all workers
send KILL to worker 1
expect stop from worker 0
expect stop from worker 2
expect run from all workers with a new pid
expect 3 worker processes

== supervision_strategy one_for_all with threads
promise: not in the README: supervision_strategy
original: lacks: no such key
types: thread
supervisor: both
set workers: 3
set supervision_strategy: one_for_all
set my_end_after: 0.2
set my_end_once: true
set my_end_worker: 1
set my_waits_for: 2
start
expect run from all workers
expect stop from worker 0
expect stop from worker 2
expect run from all workers 2 times

== supervision_strategy rest_for_one restarts those of higher id too
promise: not in the README: supervision_strategy
original: lacks: no such key
types: process spawn
supervisor: both
set workers: 3
set supervision_strategy: rest_for_one
start
expect run from all workers
send KILL to worker 1
expect stop from worker 2
expect run from worker 1 with a new pid
expect run from worker 2 with a new pid
expect no stop from worker 0 for 500ms
expect no run from worker 0

== worker_max_age replaces old workers
promise: not in the README: worker_max_age
original: lacks: no such key
types: thread process spawn
supervisor: both
set workers: 2
set worker_max_age: 2
set recycle_jitter: 0
start
expect run from all workers
expect stop from all workers not before 1900ms
expect run from all workers 2 times

== recycle_jitter spreads the replacements
promise: not in the README: recycle_jitter
original: lacks: no such key
types: process
supervisor: no
set workers: 20
set worker_max_age: 20
set recycle_jitter: 1
start
expect run from all workers
expect stop within 15s

== worker_max_jobs replaces a worker that has done enough
promise: not in the README: worker_max_jobs
original: lacks: no such key
types: embedded thread process
supervisor: both
set worker_max_jobs: 50
set recycle_jitter: 0
set my_jobs: true
start
expect run from all workers
expect stop from worker 0 not before 950ms
expect done from worker 0
expect run from worker 0 2 times

== worker_max_memory replaces a worker that holds too much
promise: not in the README: worker_max_memory
original: lacks: no such key
types: process
supervisor: both
set workers: 2
set worker_max_memory: 100MB
set my_memory: 200
start
expect run from all workers
expect done from all workers
expect run from all workers 2 times
expect 2 worker processes

== worker_gomaxprocs is GOMAXPROCS of a worker process
promise: not in the README: worker_gomaxprocs
original: lacks: a Ruby process runs on one core
types: process
supervisor: both
set workers: 2
set worker_gomaxprocs: 3
start
expect run from all workers saying gomaxprocs=3

== worker_scheduling_policy batch
promise: not in the README: worker_scheduling_policy
original: lacks: no such key
types: process
supervisor: both
set worker_scheduling_policy: batch
start
expect run from all workers
expect the policy of worker 0 to be batch
expect the policy of the server to be other

== worker_scheduling_policy other
promise: not in the README: worker_scheduling_policy
original: lacks: no such key
types: process
supervisor: no
set worker_scheduling_policy: other
start
expect run from all workers
expect the policy of worker 0 to be other

== log_format json
promise: not in the README: log_format
original: lacks: a logger of one's own can do it
types: embedded process
supervisor: both
set log_format: json
set my_levels: true
start
expect log /^\{"time":"[^"]+".*"msg":"hello-info".*\}$/
expect no log /^[^{]/

== log_compress compresses what was rotated away
promise: not in the README: log_compress
original: lacks: no such key
types: process
supervisor: both
set log_rotate_size: 5000
set log_rotate_age: 200
set log_compress: true
set my_burst: 300
start
expect log /./
expect only compressed logs

== signal_immediate_stop
promise: not in the README: signal_* keys
types: process
supervisor: no
set signal_immediate_stop: WINCH
set my_finish: 60
set my_deaf: true
start
expect run from all workers
send WINCH to the top
expect exit 0
expect all gone
expect no done

== signal_graceful_restart
promise: not in the README: signal_* keys
types: embedded process
supervisor: no
set signal_graceful_restart: WINCH
start
expect run from all workers
send WINCH to the top
expect stop from all workers
expect run from all workers

== signal_immediate_restart
promise: not in the README: signal_* keys
types: process
supervisor: no
set signal_immediate_restart: WINCH
set my_finish: 60
start
expect run from all workers
send WINCH to the top
expect run from all workers with a new pid
expect no done
send QUIT to the top
expect all gone

== signal_detach
promise: not in the README: signal_* keys
original: lacks: its supervisor has fixed signals
types: process
supervisor: yes
set signal_detach: WINCH
start
expect run from all workers
send WINCH to the top
expect before_run with a new pid
expect run from all workers with a new pid
expect the old server gone
expect the top alive

== signal_dump
promise: not in the README: signal_* keys
types: embedded process
supervisor: no
set signal_dump: WINCH
start
expect run from all workers
send WINCH to the top
expect dump of the top

== Signals with other names, under a supervisor
promise: not in the README: signal_* keys
original: lacks: its supervisor has fixed signals
types: process
supervisor: yes
set signal_graceful_stop: WINCH
set signal_graceful_restart: TERM
set signal_dump: USR1
start
expect run from all workers
send TERM to the top
expect run from all workers with a new pid
send USR1 to the top
expect dump of the top
send WINCH to the top
expect exit 0
expect all gone

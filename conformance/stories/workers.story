# The keys of workers.

== workers says how many there are
promise: workers sets number of workers
types: thread process spawn
supervisor: both
set workers: 4
start
expect run from all workers

== A reload with more workers starts them
promise: workers: dynamic reloadable
types: thread process spawn
supervisor: both
set workers: 1
start
expect run from all workers
set workers: 3
send USR2 to the top
expect run from worker 1
expect run from worker 2
expect no run from worker 0

== A reload with fewer workers stops the ones too many
promise: workers: dynamic reloadable
original: breaks R6: nobody is stopped
types: thread process spawn
supervisor: both
set workers: 3
start
expect run from all workers
set workers: 1
send USR2 to the top
expect stop from worker 2 within 8s
expect done from worker 1
expect no stop from worker 0

== workers: 0 is a server that waits for work
promise: not in the README: no workers
original: lacks: the server ends at once
types: process
supervisor: both
set workers: 0
start
expect before_run
set workers: 2
send USR2 to the top
expect run from all workers
set workers: 0
send USR2 to the top
expect done from 2 workers
expect the server alive

== TTIN and TTOU scale by one
promise: not in the README
original: lacks: no such signals
types: thread process spawn
supervisor: both
set workers: 2
start
expect run from all workers
send TTIN to the top
expect run from worker 2
send TTOU to the top
expect done from worker 2

== start_worker_delay spreads the starts
promise: start_worker_delay sets wait time before starting a new worker
original: breaks: it notes the time before it sleeps, so every other worker starts without a delay
types: thread process spawn
set workers: 5
set start_worker_delay: 0.5
set start_worker_delay_rand: 0
start
expect before_fork from all workers spread over 1900ms

== start_worker_delay_rand varies the delay
promise: start_worker_delay_rand randomizes start_worker_delay at this ratio
original: breaks: as above
types: process
set workers: 9
set start_worker_delay: 0.8
set start_worker_delay_rand: 0.5
start
expect before_fork from all workers spread over 5400ms
expect gaps of before_fork that differ by 60ms

== TERM during start_worker_delay starts nobody afterwards
promise: TERM: graceful shutdown
original: breaks R5: the server starts a worker after the TERM, which is never told to stop
types: process spawn
supervisor: both
set workers: 3
set start_worker_delay: 1.5
set start_worker_delay_rand: 0
start
expect run from worker 0
send TERM to the top
expect exit 0 within 8s
expect all gone
expect no run

== restart_worker_interval waits before a worker is started again
promise: restart_worker_interval sets wait time before restarting a stopped worker
since: 2.3.0
types: process spawn
supervisor: both
set workers: 2
set restart_worker_interval: 1
start
expect run from all workers
send KILL to worker 0
expect run from worker 0 with a new pid not before 950ms
expect no run from worker 1

== worker_process_name names workers
promise: worker_process_name changes process name ($0) of workers
types: process
supervisor: both
set workers: 2
set worker_process_name: my-worker-%d
start
expect run from all workers
expect the name of worker 0 to be my-worker-0
expect the name of worker 1 to be my-worker-1

== worker_process_name changes by a reload
promise: worker_process_name: dynamic reloadable
original: breaks R12: it is read once
types: process
supervisor: both
set worker_process_name: old-%d
start
expect run from all workers
set worker_process_name: new-%d
send USR2 to the top
send KILL to worker 0
expect run from worker 0 with a new pid
expect the name of worker 0 to be new-0

== TTIN and TTOU mean nothing to an embedded server
promise: not in the README
original: lacks: no such signals
types: embedded
supervisor: both
start
expect run from all workers
send TTIN to the top
expect no run for 500ms
send TTOU to the top
expect no stop for 500ms
set message: changed
send USR2 to the top
expect reload from worker 0 saying changed

== worker_chuser and worker_chgroup run workers as somebody else
promise: worker_chuser, worker_chgroup (not in the README's list)
needs: root
types: process
supervisor: both
set worker_chuser: nobody
set worker_chgroup: nogroup
start
expect run from all workers
expect the user of worker 0 to be nobody
expect the group of worker 0 to be nogroup
expect the user of the server to be root
expect the group of the server to be root

== worker_chuser and worker_chgroup run commands as somebody else
promise: worker_chuser, worker_chgroup (not in the README's list)
original: lacks: only with worker_type process
needs: root
types: spawn
supervisor: both
set worker_chuser: nobody
set worker_chgroup: nogroup
start
expect run from all workers
expect the user of worker 0 to be nobody
expect the group of worker 0 to be nogroup
expect the user of the server to be root

== worker_chumask sets the workers' mask
promise: worker_chumask (not in the README's list)
types: process
supervisor: both
set worker_chumask: 027
start
expect run saying 027
expect the umask of worker 0 to be 0027

== worker_reload_signal can be any signal
promise: worker_reload_signal sets the signal to notice configuration reload
types: spawn
supervisor: both
set worker_reload_signal: WINCH
start
expect run from all workers
send USR2 to the top
expect reload from all workers saying WINCH

== Without worker_reload_signal a spawned command is not told
promise: worker_reload_signal: nil disables
types: spawn
supervisor: both
start
expect run from all workers
set message: changed
send USR2 to the top
expect server_reload saying changed
expect no signal for 500ms
expect worker 0 alive

== The kill ladder follows a reload
promise: worker_graceful_kill_timeout: dynamic reloadable
original: breaks: a worker keeps the numbers of its start
types: process
set my_deaf: true
start
expect run from all workers
set worker_graceful_kill_timeout: 1
set worker_graceful_kill_interval: 0.5
send USR2 to the top
expect server_reload
send TERM to the top
expect exit 0 within 10s
expect all gone

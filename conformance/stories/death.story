# What happens when something dies that nobody has asked to.

== A killed worker is started again
promise: auto-restart
types: process spawn
supervisor: both
set workers: 3
start
expect run from all workers
send KILL to worker 1
expect run from worker 1 with a new pid
expect no run from worker 0
expect 3 worker processes

== A worker that ends by itself is started again
promise: auto-restart
types: embedded thread process spawn
supervisor: both
set my_end_after: 0.2
set my_end_once: true
start
expect run from all workers 2 times

== A killed server is replaced, and its workers end
promise: heartbeat via pipe & auto-restart
original: breaks R3: process workers of a killed server live for ever
types: process
supervisor: yes
set workers: 2
start
expect run from all workers
send KILL to the server
expect run from all workers with a new pid
expect 2 worker processes

== A killed server of commands is replaced, and its commands end
promise: heartbeat via pipe & auto-restart
original: breaks R3: commands of a killed server live for ever
types: spawn
supervisor: yes
set workers: 2
start
expect run from all workers
send KILL to the server
expect run from all workers with a new pid
expect 2 worker processes

== A killed server with goroutine or thread workers is replaced
promise: Supervisor auto restart
types: embedded thread
supervisor: yes
start
expect run from all workers
send KILL to the server
expect run from all workers with a new pid
expect the top alive

== A killed server's port is free for the next one
promise: servers survive; the port stays
original: breaks R3: workers of the killed server hold the port, the next one fails with EADDRINUSE
types: process
supervisor: yes
set my_socket: server
set my_port: PORT
set workers: 2
start
expect run from all workers
clients come
send KILL to the server
expect run from all workers with a new pid within 20s
clients leave, no connection refused

== A killed top takes everything with it
promise: heartbeat via pipe: nobody runs on unsupervised
original: breaks R3, R4: the processes below go on
types: process spawn
supervisor: both
set workers: 2
start
expect run from all workers
send KILL to the top
expect all gone within 10s

== A killed supervisor takes a server of goroutines or threads with it
promise: heartbeat via pipe: nobody runs on unsupervised
original: breaks R4: the server goes on
types: embedded thread
supervisor: yes
set workers: 2
start
expect run from all workers
send KILL to the top
expect all gone within 10s

== A killed server of goroutines or threads leaves nothing
promise: a thread ends with its process
types: embedded thread
supervisor: no
set workers: 2
start
expect run from all workers
send KILL to the top
expect all gone

== A stopped worker process misses its heartbeats and is replaced
promise: worker_heartbeat_interval, worker_heartbeat_timeout
types: process
supervisor: both
set worker_heartbeat_interval: 0.5
set worker_heartbeat_timeout: 4
set worker_immediate_kill_interval: 0.5
set worker_immediate_kill_timeout: 1
start
expect run from all workers
send STOP to worker 0
expect run from worker 0 with a new pid not before 3400ms

== A stopped server process misses its heartbeats and is replaced
promise: the supervisor monitors the server and restarts it if it stalled
types: embedded process
supervisor: yes
set server_heartbeat_interval: 0.5
set server_heartbeat_timeout: 4
set server_immediate_kill_interval: 0.5
set server_immediate_kill_timeout: 1
start
expect run from all workers
send STOP to the server
expect before_run with a new pid not before 3400ms
expect run from all workers

== A worker whose code has come to a halt is replaced
promise: servers survive even if a process stalled
original: breaks R7: the heartbeat has its own thread, and goes on
types: process
supervisor: no
set my_hang: true
set worker_heartbeat_interval: 0.5
set worker_heartbeat_timeout: 4
set worker_progress_timeout: 3
set worker_immediate_kill_timeout: 1
start
expect run from all workers
expect run from all workers 2 times within 25s

== A deaf worker gets TERM again and again, then QUIT, then KILL
promise: worker_graceful_kill_interval, _increment, _timeout; worker_immediate_kill_interval, _increment, _timeout
types: spawn
supervisor: both
takes: long
set my_deaf: true
set my_ignores_quit: true
set worker_graceful_kill_interval: 1
set worker_graceful_kill_interval_increment: 1
set worker_graceful_kill_timeout: 4
set worker_immediate_kill_interval: 1
set worker_immediate_kill_interval_increment: 0
set worker_immediate_kill_timeout: 2
start
expect run from all workers
send TERM to the top
expect signal saying TERM 3 times spread over 2500ms within 20s
expect signal saying QUIT not before 3900ms
expect signal saying QUIT 2 times spread over 900ms
expect worker 0 gone
expect exit 0
expect all gone

== A deaf worker process is ended when its time is up
promise: worker_graceful_kill_timeout sets promotion timeout from TERM to QUIT
types: process
supervisor: both
set my_deaf: true
set worker_graceful_kill_interval: 0.5
set worker_graceful_kill_interval_increment: 0
set worker_graceful_kill_timeout: 1.5
start
expect run from all workers
send TERM to the top
expect exit 0 within 15s
expect all gone

== worker_graceful_kill_timeout -1 waits as long as it takes
promise: -1 means no timeout
types: process
supervisor: no
set my_finish: 3
set worker_graceful_kill_interval: 0.5
set worker_graceful_kill_timeout: -1
set worker_immediate_kill_timeout: 0
start
expect run from all workers
send TERM to the top
expect done not before 2900ms
expect exit 0

# command_sender: pipe: words on standard input instead of signals.

== GRACEFUL_STOP
promise: command_sender: pipe (and for other platforms, if you want to use it)
types: embedded thread process spawn
supervisor: both
set command_sender: pipe
set workers: 2
start
expect run from all workers
write GRACEFUL_STOP to stdin
expect done from all workers
expect exit 0
expect all gone

== IMMEDIATE_STOP
promise: command_sender: pipe
types: process
supervisor: both
set command_sender: pipe
set my_finish: 60
set my_deaf: true
start
expect run from all workers
write IMMEDIATE_STOP to stdin
expect all gone
expect no done

== IMMEDIATE_STOP with goroutines or threads
promise: command_sender: pipe
types: embedded thread
supervisor: both
set command_sender: pipe
set workers: 2
start
expect run from all workers
write IMMEDIATE_STOP to stdin
expect exit 0
expect all gone

== GRACEFUL_RESTART
promise: command_sender: pipe
types: embedded thread process spawn
supervisor: both
set command_sender: pipe
set workers: 2
start
expect run from all workers
write GRACEFUL_RESTART to stdin
expect stop from all workers
expect run from all workers

== IMMEDIATE_RESTART
promise: command_sender: pipe
types: process
supervisor: both
set command_sender: pipe
set my_finish: 60
set my_deaf: true
start
expect run from all workers
write IMMEDIATE_RESTART to stdin
expect run from all workers with a new pid
expect no done
write IMMEDIATE_STOP to stdin
expect all gone

== IMMEDIATE_RESTART with goroutines or threads
promise: command_sender: pipe
types: embedded thread
supervisor: both
set command_sender: pipe
set workers: 2
start
expect run from all workers
write IMMEDIATE_RESTART to stdin
expect stop from all workers
expect run from all workers

== IMMEDIATE_RESTART with spawned commands
promise: command_sender: pipe
types: spawn
supervisor: both
set command_sender: pipe
set workers: 2
set my_finish: 60
start
expect run from all workers
write IMMEDIATE_RESTART to stdin
expect run from all workers with a new pid
expect no done
write IMMEDIATE_STOP to stdin
expect all gone

== RELOAD
promise: command_sender: pipe
types: embedded thread process
supervisor: both
set command_sender: pipe
start
expect run from all workers
set message: changed
write RELOAD to stdin
expect server_reload saying changed
expect reload from all workers

== DETACH
promise: command_sender: pipe
types: process
supervisor: yes
original: breaks R2: the new server starts only after the old one is gone
set command_sender: pipe
set enable_detach: true
set server_detach_wait: 1
set my_finish: 12
start
expect run from all workers
write DETACH to stdin
expect run from all workers with a new pid
expect no done

== DETACH with other workers
promise: command_sender: pipe
types: embedded thread spawn
supervisor: yes
original: breaks R1, R2: the supervisor dies if the old server exits within server_detach_wait
set command_sender: pipe
set enable_detach: true
set server_detach_wait: 3
start
expect run from all workers
write DETACH to stdin
expect done from all workers
expect before_run with a new pid
expect run from all workers
expect the top alive

== DETACH without a supervisor is a graceful stop
promise: INT: otherwise graceful shutdown
original: breaks: Server#detach does not exist, the thread that reads the words dies
types: embedded thread process spawn
supervisor: no
set command_sender: pipe
start
expect run from all workers
write DETACH to stdin
expect done from all workers within 8s
expect exit 0

== DUMP
promise: command_sender: pipe
types: embedded thread process spawn
supervisor: both
set command_sender: pipe
start
expect run from all workers
write DUMP to stdin
expect dump of the server

== A spawned command is told to stop by a word
promise: the child process has to handle commands sent from parent process via STDIN
original: breaks R11: on Unix it sends TERM
types: spawn
supervisor: both
set command_sender: pipe
start
expect run from all workers
write GRACEFUL_STOP to stdin
expect word from all workers saying GRACEFUL_STOP within 8s
expect done from all workers
expect exit 0

== A spawned command is told to reload by a word
promise: the child process has to handle commands sent from parent process via STDIN
types: spawn
supervisor: both
set command_sender: pipe
start
expect run from all workers
write RELOAD to stdin
expect word from all workers saying RELOAD

== A spawned command is told to stop at once by a word
promise: IMMEDIATE_STOP via STDIN
original: breaks R11: on Unix it sends QUIT
types: spawn
supervisor: both
set command_sender: pipe
start
expect run from all workers
write IMMEDIATE_STOP to stdin
expect word from all workers saying IMMEDIATE_STOP within 8s
expect all gone

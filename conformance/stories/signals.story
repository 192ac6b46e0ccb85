# What each signal does, for each worker type, with and without a supervisor.

== TERM lets every worker finish, then all is gone
promise: TERM: graceful shutdown; calls Worker#stop and waits for Worker#run
types: embedded thread process spawn
supervisor: both
set workers: 2
set my_finish: 0.5
start
expect run from all workers
send TERM to the top
expect stop from all workers
expect done from all workers
expect exit 0
expect all gone

== QUIT ends workers at once, whatever they do
promise: QUIT: immediate shutdown (worker_type process)
types: process spawn
supervisor: both
set workers: 2
set my_finish: 60
set my_deaf: true
start
expect run from all workers
send QUIT to the top
expect exit 0 within 15s
expect all gone
expect no done

== QUIT with goroutine or thread workers ends the server
promise: QUIT is for process workers; with others the server ends too
types: embedded thread
supervisor: both
set workers: 2
start
expect run from all workers
send QUIT to the top
expect exit 0
expect all gone

== QUIT waits for no goroutine or thread
promise: not in the README: QUIT with workers that are not processes
original: lacks: immediate shutdown is available only with process workers, others get a graceful stop
types: embedded thread
supervisor: both
set workers: 2
set my_finish: 60
set my_deaf: true
start
expect run from all workers
send QUIT to the top
expect exit 0 within 20s
expect all gone
expect no done

== USR1 restarts every worker, the top stays
promise: USR1: graceful restart
types: embedded thread process spawn
supervisor: both
set workers: 2
set my_finish: 0.2
start
expect run from all workers
send USR1 to the top
expect stop from all workers
expect done from all workers
expect run from all workers
expect the top alive

== USR1 replaces processes
promise: USR1: restarts a worker without waiting for shutdown of the other workers
types: process spawn
supervisor: both
set workers: 3
start
expect run from all workers
send USR1 to the top
expect run from all workers with a new pid
expect 3 worker processes
expect the server alive

== HUP restarts process workers at once
promise: HUP: immediate restart (worker_type process)
types: process spawn
supervisor: both
set workers: 2
set my_finish: 60
set my_deaf: true
start
expect run from all workers
send HUP to the top
expect run from all workers with a new pid within 15s
expect no done
expect 2 worker processes
send QUIT to the top
expect all gone

== HUP with goroutine or thread workers is a graceful restart
promise: HUP is for process workers; with others workers are restarted too
types: embedded thread
supervisor: both
set workers: 2
start
expect run from all workers
send HUP to the top
expect stop from all workers
expect run from all workers

== USR2 tells every worker to reload
promise: USR2: reload config file; Worker#reload is called
types: embedded thread process
supervisor: both
set workers: 2
start
expect run from all workers
set message: changed
send USR2 to the top
expect server_reload from the server saying changed
expect reload from all workers

== USR2 gives workers the new configuration
promise: config[:message] changes by USR2 (the README's own example)
original: breaks R9: a forked worker keeps the configuration of its start
types: process
supervisor: both
set workers: 2
start
expect run from all workers
set message: changed
send USR2 to the top
expect reload from all workers saying changed within 8s

== USR2 gives goroutine or thread workers the new configuration
promise: config[:message] changes by USR2
types: embedded thread
supervisor: both
set workers: 2
start
expect run from all workers
set message: changed
send USR2 to the top
expect reload from all workers saying changed

== USR2 sends spawned commands their reload signal
promise: worker_reload_signal sets the signal to notice configuration reload
types: spawn
supervisor: both
set workers: 2
set worker_reload_signal: USR2
start
expect run from all workers
send USR2 to the top
expect reload from all workers saying USR2

== USR2 reopens the log
promise: USR2: reopen log file
types: embedded thread process spawn
supervisor: both
set workers: 1
start
expect run from all workers
move the log away
set my_levels: true
send USR2 to the top
expect file server.log

== INT under a supervisor replaces the server while the old one finishes
promise: live restart: INT restarts the server without waiting for completion of all workers
types: embedded thread process spawn
supervisor: yes
set enable_detach: true
set workers: 2
set my_finish: 12
set server_detach_wait: 1
original: breaks R2: the new server starts only after the old one is gone
start
expect run from all workers
send INT to the top
expect stop from all workers
expect run from all workers
expect no done
expect done from all workers
expect the old server gone
expect the top alive
expect the server alive

== INT is on without being asked for
promise: enable_detach enables INT signal (default: true)
original: breaks R10: the code's default is false
types: process
supervisor: yes
set my_finish: 1
set server_detach_wait: 3
start
expect run from all workers
send INT to the top
expect run from all workers with a new pid within 10s
expect the top alive

== INT without a supervisor is a graceful shutdown
promise: INT: otherwise graceful shutdown
types: embedded thread process spawn
supervisor: no
set workers: 2
start
expect run from all workers
send INT to the top
expect done from all workers
expect exit 0
expect all gone

== INT with enable_detach false is a graceful shutdown
promise: enable_detach: false disables it
types: process
supervisor: yes
set enable_detach: false
start
expect run from all workers
send INT to the top
expect done from all workers
expect exit 0
expect all gone

== CONT dumps stacks and memory to /tmp
promise: CONT: dump stacktrace and memory information to /tmp/sigdump-<pid>.log
types: embedded thread process spawn
supervisor: no
set workers: 1
start
expect run from all workers
send CONT to the top
expect dump of the top
expect the top alive

== CONT reaches the server under a supervisor
promise: CONT: dump stacktrace and memory information
types: embedded thread process spawn
supervisor: yes
start
expect run from all workers
send CONT to the top
expect dump of the server

== CONT reaches the supervisor itself
promise: CONT: dump stacktrace and memory information
original: lacks: the supervisor passes it on, and has no dump of its own
types: embedded process
supervisor: yes
start
expect run from all workers
send CONT to the top
expect dump of the top
expect dump of the server

== CONT to a worker dumps that worker
promise: CONT: dump stacktrace and memory information
types: process
supervisor: both
start
expect run from all workers
send CONT to worker 0
expect dump of worker 0
expect worker 0 alive

== disable_sigdump turns the dump off
promise: disable_sigdump disables the handling of SIGCONT
types: embedded process
supervisor: both
set disable_sigdump: true
start
expect run from all workers
send CONT to the top
set message: later
send USR2 to the top
expect reload from all workers
expect no dump of the top
expect no dump of the server

== TERM to a worker's own pid: it finishes, and is started again
promise: auto-restart
types: process spawn
supervisor: both
set workers: 2
start
expect run from all workers
send TERM to worker 1
expect done from worker 1
expect run from worker 1 with a new pid
expect no run from worker 0

== USR1 to a worker's own pid restarts that worker
promise: Worker#stop is called, the worker is started again
types: process
supervisor: both
set workers: 2
start
expect run from all workers
send USR1 to worker 0
expect done from worker 0
expect run from worker 0 with a new pid
expect no run from worker 1

== QUIT and HUP to a worker's own pid end it at once
promise: SIGQUIT kills the process; auto-restart
types: process
supervisor: both
set my_finish: 60
start
expect run from all workers
send QUIT to worker 0
expect run from worker 0 with a new pid
send HUP to worker 0
expect run from worker 0 with a new pid
send QUIT to the top
expect all gone

== USR2 to a worker's own pid calls its reload
promise: Worker#reload is called when USR2 is received
types: process
supervisor: both
start
expect run from all workers
send USR2 to worker 0
expect reload from worker 0
expect worker 0 alive

== TERM to a server under a supervisor: another one is started
promise: Supervisor auto restart
types: embedded thread process spawn
supervisor: yes
set workers: 2
start
expect run from all workers
send TERM to the server
expect done from all workers
expect before_run
expect run from all workers
expect the top alive

== QUIT to a server under a supervisor ends it at once: another one is started
promise: Supervisor auto restart
types: process spawn
supervisor: yes
set workers: 2
set my_finish: 60
set my_deaf: true
start
expect run from all workers
send QUIT to the server
expect before_run with a new pid
expect run from all workers with a new pid
expect no done
expect 2 worker processes
expect the top alive
send QUIT to the top
expect all gone

== QUIT to a server of goroutines or threads: another one is started
promise: Supervisor auto restart
types: embedded thread
supervisor: yes
set workers: 2
start
expect run from all workers
send QUIT to the server
expect before_run with a new pid
expect run from all workers with a new pid
expect the top alive

== INT to a server under a supervisor is a graceful stop: another one is started
promise: INT: otherwise graceful shutdown; Supervisor auto restart
types: embedded thread process spawn
supervisor: yes
set workers: 2
start
expect run from all workers
send INT to the server
expect done from all workers
expect before_run with a new pid
expect run from all workers with a new pid
expect the top alive

== USR1 to a server under a supervisor restarts its workers
promise: USR1: graceful restart
types: embedded thread process spawn
supervisor: yes
set workers: 2
start
expect run from all workers
set message: changed
send USR1 to the server
expect stop from all workers
expect done from all workers
expect run from all workers saying changed
expect the server alive
expect the top alive

== HUP to a server under a supervisor restarts its workers at once
promise: HUP: immediate restart (worker_type process)
types: process spawn
supervisor: yes
set workers: 2
set my_finish: 60
set my_deaf: true
start
expect run from all workers
send HUP to the server
expect run from all workers with a new pid
expect no done
expect no before_run
expect 2 worker processes
send QUIT to the top
expect all gone

== HUP to a server of goroutines or threads restarts them
promise: HUP: immediate restart
types: embedded thread
supervisor: yes
set workers: 2
start
expect run from all workers
send HUP to the server
expect done from all workers
expect run from all workers
expect no before_run

== USR2 to a server under a supervisor reloads
promise: USR2: reload config file; Worker#reload is called
types: embedded thread process
supervisor: yes
set workers: 2
start
expect run from all workers
set message: changed
send USR2 to the server
expect server_reload from the server saying changed
expect reload from all workers
expect the server alive

== USR2 to a server of commands under a supervisor reloads
promise: USR2: reload config file; worker_reload_signal
types: spawn
supervisor: yes
set workers: 2
set worker_reload_signal: USR2
start
expect run from all workers
set message: changed
send USR2 to the server
expect server_reload from the server saying changed
expect reload from all workers saying USR2
expect the server alive

== CONT to a server under a supervisor dumps it
promise: CONT: dump stacktrace and memory information
types: embedded thread process spawn
supervisor: yes
start
expect run from all workers
send CONT to the server
expect dump of the server
expect the server alive

== TTIN and TTOU to a server under a supervisor scale by one
promise: not in the README
original: lacks: no such signals
types: thread process spawn
supervisor: yes
set workers: 2
start
expect run from all workers
send TTIN to the server
expect run from worker 2
send TTOU to the server
expect done from worker 2
expect the server alive

== TTIN and TTOU mean nothing to an embedded server under a supervisor
promise: not in the README
original: lacks: no such signals
types: embedded
supervisor: yes
start
expect run from all workers
send TTIN to the server
expect no run for 500ms
send TTOU to the server
expect no stop for 500ms
expect the server alive

== INT to a worker's own pid stops that worker
promise: not in the README: a worker takes INT as TERM
types: process
supervisor: both
set workers: 2
start
expect run from all workers
send INT to worker 0
expect done from worker 0 within 10s
expect run from worker 0 with a new pid
expect no run from worker 1

== QUIT, HUP and INT end a spawned command, and it is started again
promise: auto-restart
types: spawn
supervisor: both
set my_finish: 60
start
expect run from all workers
send QUIT to worker 0
expect run from worker 0 with a new pid
send HUP to worker 0
expect run from worker 0 with a new pid
send INT to worker 0
expect run from worker 0 with a new pid
send QUIT to the top
expect all gone

== Signals to a spawned command are its own
promise: the command is any program
types: spawn
supervisor: both
start
expect run from all workers
send USR2 to worker 0
expect signal from worker 0 saying USR2
send WINCH to worker 0
expect signal from worker 0 saying WINCH
expect worker 0 alive

== signal_graceful_stop and its kin rename signals
promise: not in the README: signal_* keys
types: embedded process
supervisor: no
set signal_graceful_stop: WINCH
set signal_reload: TERM
start
expect run from all workers
set message: changed
send TERM to the top
expect reload from all workers
send WINCH to the top
expect exit 0

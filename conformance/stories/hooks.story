# The methods of server and worker modules.

== before_run and after_run frame the workers
promise: before_run is called before starting workers, after_run before shutting down
types: embedded thread process spawn
supervisor: both
set workers: 2
start
expect before_run
expect run from all workers
expect no after_run
expect before_run before run
send TERM to the top
expect stop from all workers
expect after_run
expect done from all workers
expect done before after_run
expect exit 0

== before_fork and after_start surround each start of a worker
promise: before_fork, after_start of the worker
types: thread process spawn
supervisor: both
set workers: 2
start
expect before_fork from all workers
expect after_start from all workers
expect run from all workers
expect before_fork before run
expect before_fork before after_start

== They are called for a restarted worker too
promise: before_fork is called before fork for each worker process
types: process spawn
supervisor: both
set workers: 2
start
expect run from all workers
send KILL to worker 1
expect before_fork from worker 1
expect after_start from worker 1
expect run from worker 1
expect before_fork before run
expect no before_fork from worker 0

== after_start of the server runs in the supervisor
promise: after_start is called after starting the server process in the parent process
types: embedded process
supervisor: yes
start
expect server_started
expect run from all workers
send TERM to the server
expect server_started with the same pid

== reload_config is a hook point
promise: hook points (call super): reload_config
types: embedded thread process spawn
supervisor: both
start
expect run from all workers
set message: changed
send USR2 to the top
expect server_reload saying changed

== stop and restart are hook points
promise: hook points (call super): stop(stop_graceful), restart(stop_graceful)
types: embedded thread process spawn
supervisor: both
start
expect run from all workers
send USR1 to the top
expect server_restart saying graceful
expect run from all workers
send TERM to the top
expect server_stop saying graceful
expect exit 0

== stop and restart say when they are immediate
promise: stop(stop_graceful), restart(stop_graceful)
types: process spawn
supervisor: both
start
expect run from all workers
send HUP to the top
expect server_restart saying immediate
expect run from all workers with a new pid
send QUIT to the top
expect server_stop saying immediate
expect all gone

== A program asks its own server to stop
promise: You can call Server#stop(stop_graceful) instead of sending signals
types: embedded thread
supervisor: no
set my_asks: stop
start
expect exit 0

== A program asks its own server to restart
promise: You can call Server#restart(stop_graceful) instead of sending signals
types: thread
supervisor: no
set workers: 2
set my_asks: restart
set my_waits_for: 1
start
expect run from all workers 2 times

== A worker process asks for a stop
promise: not in the README: workers talk to the server
original: lacks: a forked worker has only a copy of its server
types: process
supervisor: both
set workers: 2
set my_asks: stop
set my_waits_for: 1
start
expect done from all workers
expect exit 0

== initialize of a worker is called in the parent process
promise: initialize is called in the parent process (or thread)
ours: differs: there is no fork to carry the worker over, so it is made where it runs
types: process
start
expect before_run
expect run from all workers
expect initialize with the server's pid

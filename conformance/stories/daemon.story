# The daemon.

== daemonize returns to the caller, and the daemon runs
promise: daemonize, pid_path
types: embedded thread process spawn
supervisor: both
set daemonize: true
set pid_path: server.pid
set workers: 2
call
expect exit 0
expect file server.pid with /^PID$/
expect run from all workers
expect the top alive
send TERM to the top
expect all gone

== The pid file is removed at the end
promise: not in the README
original: lacks: the file stays
types: embedded process
supervisor: both
set daemonize: true
set pid_path: server.pid
call
expect exit 0
expect run from all workers
send TERM to the top
expect all gone
expect no file server.pid

== A daemon obeys signals by its pid file
promise: send TERM signal to kill the daemon
types: process
supervisor: both
set daemonize: true
set pid_path: server.pid
call
expect exit 0
expect run from all workers
send USR1 to the top
expect run from all workers with a new pid
send TERM to the top
expect all gone

== daemon_process_name names the daemon
promise: daemon_process_name changes process name ($0) of server or supervisor process
types: process
supervisor: both
set daemonize: true
set pid_path: server.pid
set daemon_process_name: my-daemon
call
expect exit 0
expect the name of the top to be my-daemon

== chuser and chgroup
promise: chuser changes execution user, chgroup changes execution group
needs: root
types: embedded process spawn
supervisor: both
set daemonize: true
set pid_path: server.pid
set chuser: nobody
set chgroup: nogroup
call
expect exit 0
expect run from all workers
expect the user of the top to be nobody
expect the group of the top to be nogroup
expect the user of the server to be nobody
expect the group of the server to be nogroup
expect the user of worker 0 to be nobody
expect the group of worker 0 to be nogroup

== chumask
promise: chumask changes umask
types: embedded process spawn
supervisor: both
set daemonize: true
set pid_path: server.pid
set chumask: 027
call
expect exit 0
expect run saying 027
expect the umask of the top to be 0027

== An unknown user is an error of the caller
promise: daemonize_error_exit_code (default: 1)
needs: root
types: embedded
supervisor: both
set daemonize: true
set pid_path: server.pid
set chuser: no-such-user
call
expect exit 1
expect all gone

== daemonize_error_exit_code
promise: daemonize_error_exit_code: exit code when daemonize, changing user or changing group fails
needs: root
types: embedded process
supervisor: both
set daemonize: true
set pid_path: server.pid
set chgroup: no-such-group
set daemonize_error_exit_code: 42
call
expect exit 42
expect all gone

== A server that fails to start is an error of the caller
promise: not in the README: the caller learns that before_run failed
original: lacks: the caller returns before
types: embedded process
supervisor: no
set daemonize: true
set pid_path: server.pid
set my_socket: server
set my_port: 99999
call
expect exit 1
expect all gone

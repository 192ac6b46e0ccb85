# The keys of the supervisor.

== server_process_name names the server process
promise: server_process_name changes process name ($0) of server process
types: embedded process
supervisor: yes
set server_process_name: my-server
start
expect run from all workers
expect the name of the server to be my-server

== restart_server_process makes USR1 replace the server
promise: restart_server_process restarts server process when it receives USR1 or HUP
types: embedded thread process spawn
supervisor: yes
set restart_server_process: true
set workers: 2
start
expect run from all workers
send USR1 to the top
expect done from all workers
expect before_run with a new pid
expect run from all workers
expect the top alive

== restart_server_process makes HUP replace the server at once
promise: restart_server_process restarts server process when it receives USR1 or HUP
types: process spawn
supervisor: yes
set restart_server_process: true
set my_finish: 60
set my_deaf: true
start
expect run from all workers
send HUP to the top
expect before_run with a new pid within 20s
expect run from all workers
expect no done
send QUIT to the top
expect all gone

== exit_on_detach: no other server is started, and the supervisor ends
promise: exit_on_detach exits supervisor after detaching server process instead of restarting it
types: process
supervisor: yes
set enable_detach: true
set exit_on_detach: true
set server_detach_wait: 1
set my_finish: 0.2
start
expect run from all workers
send INT to the top
expect done from all workers
expect exit 0
expect all gone
expect no before_run

== exit_on_detach ends the supervisor while its server still works
promise: exit_on_detach exits supervisor after detaching server process
ours: differs: the supervisor waits for its server, whose log it writes and whose end it reports
types: process
supervisor: yes
set enable_detach: true
set exit_on_detach: true
set server_detach_wait: 1
set my_finish: 10
start
expect run from all workers
send INT to the top
expect stop from all workers
expect exit 0
expect the server alive
expect no done

== exit_on_detach gives the address away at once and ends with the server
promise: not in the README: another program can take over while the old server finishes
original: lacks: the old server holds its socket until it has finished
types: process
supervisor: yes
set exit_on_detach: true
set my_finish: 8
set my_socket: server
set my_port: PORT
start
expect run from all workers
expect a connection
send INT to the top
expect no connection
expect log /exit_on_detach/
expect the top alive
expect the server alive
expect no done
expect done from all workers
expect exit 0
expect all gone
expect no before_run

== A live restart whose old server ends quickly
promise: live restart: after INT there is a new server
original: breaks R1: the supervisor dies if the old server exits within server_detach_wait
types: embedded thread process spawn
supervisor: yes
set enable_detach: true
set server_detach_wait: 3
start
expect run from all workers
send INT to the top
expect done from all workers
expect run from all workers within 10s
expect the top alive
expect the server alive for 500ms

== server_detach_wait is how long the old server is waited for
promise: server_detach_wait sets wait time before starting live restart
original: breaks R2: it waits until the old one is gone
types: process
supervisor: yes
set enable_detach: true
set live_restart_order: old_first
set server_detach_wait: 2
set my_finish: 12
start
expect run from all workers
send INT to the top
expect run from all workers with a new pid not before 1900ms
expect no done
expect done from all workers

== disable_reload turns USR2 off
promise: disable_reload disables USR2 signal
original: breaks R13: the server below the supervisor reloads all the same
types: embedded process
supervisor: yes
set disable_reload: true
start
expect run from all workers
set message: changed
send USR2 to the top
expect no server_reload saying changed for 1s
expect no reload for 500ms
expect the server alive

== server_restart_wait spaces restarts of the server
promise: server_restart_wait sets wait time before restarting server after last restarting
types: embedded process
supervisor: yes
set server_restart_wait: 6
start
expect run from all workers
send TERM to the server
expect before_run with a new pid
send TERM to the server
expect before_run with a new pid not before 3000ms

== A server that is replaced knows the newest configuration
promise: dynamic configuration and auto restart together
types: embedded process
supervisor: yes
start
expect run from all workers
set message: changed
send USR2 to the top
expect server_reload saying changed
send TERM to the server
expect run saying changed

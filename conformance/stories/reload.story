# Reloading the configuration. All files of these stories have Ruby's keys (":workers: 2").

== A file that is no YAML changes nothing
promise: reload does not break the server
types: embedded thread process spawn
supervisor: both
set workers: 2
start
expect run from all workers
put into the file: {{{ : no yaml
send USR2 to the top
expect no stop for 1s
expect all workers alive
set message: changed
send USR2 to the top
expect server_reload saying changed
expect the server alive

== A wrong value changes nothing
promise: reload does not break the server
types: thread process spawn
supervisor: both
set workers: 2
start
expect run from all workers
set workers: many
set message: half
send USR2 to the top
expect no reload saying half for 1s
expect all workers alive
expect the server alive
set workers: 2
set message: changed
send USR2 to the top
expect server_reload saying changed within 8s

== A refused configuration is said in the log
promise: not in the README: key and problem
original: lacks: it is an exception's text, or nothing
types: embedded process
supervisor: both
start
expect run from all workers
set workers: many
send USR2 to the top
expect log /config\.yml:\d+: workers many: .+; allowed: /
put into the file: {{{ : no yaml
send USR2 to the top
expect log /config\.yml:\d+: is no YAML/
expect all workers alive

== A wrong value changes nothing of an embedded server
promise: reload does not break the server
original: breaks R8: the rest of the file is applied
types: embedded
supervisor: both
start
expect run from all workers
set workers: many
set message: half
send USR2 to the top
expect no reload saying half for 1s
expect the server alive

== A wrong file at USR1 restarts nobody
promise: reload does not break the server
types: process
supervisor: both
set workers: 2
start
expect run from all workers
set workers: many
send USR1 to the top
expect no run for 1s
expect all workers alive

== USR1 and HUP read the configuration too
promise: USR1: graceful restart with the new configuration
types: embedded thread process spawn
supervisor: both
start
expect run from all workers
set message: second
send USR1 to the top
expect run from all workers saying second
set message: third
send HUP to the top
expect run from all workers saying third

== A worker whose reload fails
promise: reload does not break the server
types: embedded thread process
supervisor: both
start
expect run from all workers
set my_bad_reload: true
send USR2 to the top
expect server_reload
unset my_bad_reload
set message: changed
send USR2 to the top
expect server_reload saying changed
expect the server alive

== A worker whose reload fails is replaced
promise: not in the README: it may be half reloaded
original: lacks: the failure is logged, and the worker goes on
types: embedded thread process
supervisor: both
set workers: 2
start
expect run from all workers
set my_bad_reload: true
set message: changed
send USR2 to the top
expect run from all workers saying changed
expect the server alive
unset my_bad_reload
set message: last
send USR2 to the top
expect reload from all workers saying last

== A wrong key at the start is said
promise: a mistake in the configuration is an error
types: process
supervisor: both
set workers: many
start
expect exit 1
expect errors /workers/
expect all gone

== A wrong key at the start is said in one line, with the cure
promise: not in the README: key, problem and cure
original: lacks: it is a stack trace from where the value is used
types: embedded process
supervisor: both
set workers: many
start
expect exit 1
expect errors /^subject: config\.yml:\d+: workers many: .+; allowed: .+$/
expect no errors /goroutine|panic/
expect all gone

== A wrong value does not kill the server later
promise: reload does not break the server
original: breaks R8: the next start of a worker raises an exception that ends the server
types: process
supervisor: no
start
expect run from all workers
set start_worker_delay: soon
send USR2 to the top
expect no stop for 1s
send KILL to worker 0
expect run from worker 0 with a new pid within 8s
expect the top alive for 500ms

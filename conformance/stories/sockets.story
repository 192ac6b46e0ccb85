# One socket for all workers.

== The server opens a socket, workers accept
promise: a parent process listens, child processes accept
types: embedded thread process
supervisor: both
set workers: 3
set my_socket: server
set my_port: PORT
start
expect run from all workers
expect answers from 1 workers

== USR1 under load refuses nobody
promise: USR1 doesn't cause downtime: the server keeps the listening socket
types: thread process
supervisor: both
set workers: 3
set my_socket: server
set my_port: PORT
start
expect run from all workers
clients come
send USR1 to the top
expect run from all workers
clients leave, none refused

== HUP and kills of workers refuse no new connection
promise: the server keeps the listening socket and keeps accepting
types: process
supervisor: no
set workers: 2
set my_socket: server
set my_port: PORT
start
expect run from all workers
send KILL to worker 0
expect run from worker 0 with a new pid
expect answers from 1 workers
send HUP to the top
expect run from all workers with a new pid
expect answers from 1 workers

== SocketManager: workers listen on the same port
promise: SocketManager listens on the same port across multiple worker processes
types: process
supervisor: both
set workers: 3
set my_socket: manager
set my_port: PORT
start
expect run from all workers
expect answers from 1 workers
clients come
send USR1 to the top
expect run from all workers with a new pid
clients leave, none refused

== A live restart of a network server under load
promise: not promised: network servers shouldn't use live restart (Address already in use)
original: lacks: its README advises against
types: thread process
supervisor: yes
set enable_detach: true
set workers: 2
set my_socket: server
set my_port: PORT
start
expect run from all workers
clients come
send INT to the top
expect before_run with a new pid
expect run from all workers
expect the old server gone
clients leave, none refused

== A killed server refuses no new connection
promise: servers survive
original: breaks R3: the port is held by workers that nobody restarts
types: process
supervisor: yes
set workers: 2
set my_socket: manager
set my_port: PORT
start
expect run from all workers
send KILL to the server
expect before_run with a new pid within 10s
expect run from all workers with a new pid within 10s
expect answers from 1 workers

== worker_chuser and the SocketManager together
promise: workers with worker_chuser listen by the SocketManager
original: breaks R14: the worker can't reach its parent's 0600 socket
needs: root
types: process
supervisor: both
set worker_chuser: nobody
set workers: 2
set my_socket: manager
set my_port: PORT
start
expect run from all workers within 8s
expect the user of worker 0 to be nobody
expect answers from 1 workers

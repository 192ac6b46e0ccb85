# One socket for all workers.

== The server opens a socket, workers accept
promise: a parent process listens, child processes accept
types: thread process
supervisor: both
set workers: 3
set my_socket: server
set my_port: PORT
start
expect run from all workers
expect answers from 2 workers

== An embedded server answers on its socket
promise: the server process listens and accepts
types: embedded
supervisor: both
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
clients come
send KILL to worker 0
expect run from worker 0 with a new pid
send HUP to the top
expect run from all workers with a new pid
clients leave, no connection refused

== SocketManager: workers listen on the same port
promise: SocketManager listens on the same port across multiple worker processes
types: process
supervisor: both
set workers: 3
set my_socket: manager
set my_port: PORT
start
expect run from all workers
expect answers from 2 workers
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
clients come
send KILL to the server
expect before_run with a new pid within 20s
expect run from all workers with a new pid within 20s
clients leave, no connection refused

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

== Workers share a unix socket
promise: not in the README: Self.Listen("unix", …)
original: lacks: the SocketManager knows TCP and UDP
types: embedded thread process
supervisor: both
set my_socket: unix
set my_path: DIR/server.sock
start
expect run from all workers
expect answers from 1 workers
clients come
send USR1 to the top
expect run from all workers
clients leave, none refused

== Workers share a UDP socket
promise: SocketManager::Client#listen_udp
types: process
supervisor: both
set workers: 2
set my_socket: udp
set my_port: PORT
start
expect run from all workers
expect answers from 2 workers
send USR1 to the top
expect run from all workers with a new pid
expect answers from 2 workers

== listen opens an address before there is a worker
promise: not in the README: listen
original: lacks: no such key
types: process
supervisor: both
set workers: 0
set listen: ["tcp://127.0.0.1:PORT"]
set my_socket: manager
set my_port: PORT
start
expect before_run
expect a connection
set workers: 2
send USR2 to the top
expect run from all workers
expect answers from 2 workers

== listen opens a port below 1024 before the user is changed
promise: not in the README: listen
original: lacks: no such key
needs: root
types: embedded process
supervisor: both
set listen: ["tcp://127.0.0.1:LOW"]
set chuser: nobody
set chgroup: nogroup
set my_socket: manager
set my_port: LOW
start
expect run from all workers
expect the user of the top to be nobody
expect the user of worker 0 to be nobody
expect answers from 1 workers

== A socket that a service manager hands over is taken
promise: not in the README: LISTEN_FDS
original: lacks: it opens the address itself, which is in use
types: embedded thread process
supervisor: both
set my_socket: manager
set my_port: PORT
start with the socket handed over
expect run from all workers
expect answers from 1 workers
send USR1 to the top
expect run from all workers
expect answers from 1 workers

== socket_reuseport gives each worker a socket
promise: not in the README: socket_reuseport
original: lacks: no such key
types: process
supervisor: both
set workers: 3
set socket_reuseport: true
set my_socket: manager
set my_port: PORT
start
expect run from all workers
expect 3 sockets
expect answers from 3 workers

== Without socket_reuseport there is one socket
promise: SocketManager listens on the same port across multiple worker processes
types: process
supervisor: both
set workers: 3
set my_socket: manager
set my_port: PORT
start
expect run from all workers
expect 1 socket

== socket_backlog is how many connections may wait
promise: not in the README: socket_backlog
original: lacks: no such key
types: process
supervisor: no
set workers: 0
set listen: ["tcp://127.0.0.1:PORT"]
set socket_backlog: 2
start
expect before_run
expect place for 3 connections

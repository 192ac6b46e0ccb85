# The counterpart of subject.go on Ruby's ServerEngine: it reads the same configuration file
# and writes the same marks.
require 'serverengine'
require 'yaml'
require 'json'
require 'socket'

def mark(kind, worker = nil, fields = {})
  line = "#{Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond)} #{kind} pid=#{Process.pid}"
  line += " w=#{worker}" if worker
  fields.each {|k, v| line += " #{k}=#{v.to_s.gsub(' ', '_')}" }
  File.open(ENV['CONFORMANCE_MARKS'], 'a') {|f| f.syswrite(line + "\n") }
end

class MyLogger < ServerEngine::DaemonLogger
  def format_message(severity, time, progname, message)
    "mine: #{message}\n"
  end
end

module MarkServer
  attr_reader :sock, :manager_path

  def before_run
    case config[:my_socket]
    when 'server'
      @sock = TCPServer.new('127.0.0.1', config[:my_port])
    when 'manager', 'udp'
      @manager_path = ServerEngine::SocketManager::Server.generate_path
      @manager = ServerEngine::SocketManager::Server.open(@manager_path)
    end
    mark 'before_run'
  end

  def after_run
    @manager.close if @manager
    mark 'after_run'
  end

  def after_start
    mark 'server_started'
  end

  def reload_config
    super
    mark 'server_reload', nil, message: config[:message]
  end

  def stop(graceful)
    mark 'server_stop', nil, mode: graceful ? 'graceful' : 'immediate'
    super
  end

  def restart(graceful)
    mark 'server_restart', nil, mode: graceful ? 'graceful' : 'immediate'
    super
  end
end

module MarkWorker
  def initialize
    @flag = ServerEngine::BlockingFlag.new
    @life = 0
    mark 'initialize', worker_id
  end

  def before_fork
    mark 'before_fork', worker_id
  end

  def after_start
    mark 'after_start', worker_id
  end

  def stop
    mark 'stop', worker_id
    @flag.set! unless config[:my_deaf]
  end

  def reload
    raise 'my reload fails' if config[:my_bad_reload]
    mark 'reload', worker_id, message: config[:message]
  end

  def spawn(process_manager)
    env = { 'CONFORMANCE_SETTINGS' => config.select {|k, _| k == :message || k.to_s.start_with?('my_') }.to_json }
    process_manager.spawn(env, ENV['CONFORMANCE_SELF'], 'spawned', worker_id.to_s)
  end

  def run
    @flag.reset!
    @life += 1
    lsock = listen
    mark 'run', worker_id, message: config[:message], umask: format('%03o', File.umask)
    speak
    ask
    hang if config[:my_hang]
    work(lsock)
    sleep config[:my_finish].to_f
    mark 'done', worker_id
  end

  private

  def listen
    case config[:my_socket]
    when 'server' then server.sock
    when 'manager'
      ServerEngine::SocketManager::Client.new(server.manager_path).listen_tcp('127.0.0.1', config[:my_port])
    when 'udp'
      ServerEngine::SocketManager::Client.new(server.manager_path).listen_udp('127.0.0.1', config[:my_port])
    end
  end

  def work(lsock)
    wait_for if ends?
    deadline = ends? ? Time.now + config[:my_end_after] : nil
    until @flag.set?
      if deadline && Time.now >= deadline
        exit!(config[:my_end_code].to_i) if config[:worker_type] == 'process'
        return
      end
      lsock ? accept(lsock) : @flag.wait_for_set(0.02)
    end
  end

  def accept(lsock)
    return unless IO.select([lsock], nil, nil, 0.02)
    return answer_packet(lsock) if lsock.is_a?(UDPSocket)
    c = lsock.accept_nonblock(exception: false)
    return if c == :wait_readable
    c.write "#{worker_id} #{Process.pid}\n"
    c.close
  end

  def answer_packet(sock)
    m, from = sock.recvfrom_nonblock(100, exception: false)
    return if m == :wait_readable
    sock.send "#{worker_id} #{Process.pid}\n", 0, from[3], from[1]
  end

  # Until another worker runs.
  def wait_for
    return unless config[:my_waits_for]
    sleep 0.02 until File.read(ENV['CONFORMANCE_MARKS']) =~ / run pid=\d+ w=#{config[:my_waits_for]} /
  end

  def ends?
    return false unless config[:my_end_after].to_f > 0
    which = config[:my_end_worker] || -1
    (which < 0 || which == worker_id) && !(config[:my_end_once] && !first_life?)
  end

  # A file tells the first life, since a forked worker has no memory of the one before.
  def first_life?
    @first = File.open("life-#{worker_id}", File::CREAT | File::EXCL) { true } if @first.nil?
    @first
  rescue Errno::EEXIST
    @first = false
  end

  def hang
    return unless first_life?
    Mutex.new.tap {|m| m.lock; Thread.new { m.lock }.join }
  end

  def ask
    return unless worker_id == 0 && config[:my_asks] && first_life?
    wait_for
    config[:my_asks] == 'stop' ? server.stop(true) : server.restart(true)
  end

  def speak
    if config[:my_prints]
      STDOUT.puts 'hello-stdout'
      STDERR.puts 'hello-stderr'
      STDOUT.flush
    end
    if config[:my_levels]
      %w(trace debug info warn error fatal).each {|l|
        l == 'trace' ? logger.add(ServerEngine::DaemonLogger::TRACE) { "hello-#{l}" } : logger.send(l, "hello-#{l}")
      }
    end
    config[:my_burst].to_i.times {|i| logger.info "line #{i} #{'x' * 60}" }
  end
end

se = ServerEngine.create(MarkServer, MarkWorker) do
  c = YAML.load_file(ARGV[0])
  c[:command_pipe] = STDIN if c[:command_sender] == 'pipe'
  c[:logger_class] = MyLogger if c[:my_logger]
  c
end
se.run

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/serverengine/serverengine-go"
)

// options are the flags, as a configuration and the file that is merged over it.
type options struct {
	config serverengine.Config
	file   string
}

// source is what the configuration is loaded from, again at each reload.
func (o options) source() serverengine.Source {
	if o.file == "" {
		return o.config
	}
	return serverengine.FromFile(o.file, o.config)
}

// parseFlags reads the command line. A mistake ends the program with exit code 2.
func parseFlags(args []string) options {
	o, err := readFlags(args, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		os.Exit(2) // said already
	}
	return o
}

func readFlags(args []string, out io.Writer) (options, error) {
	cfg := serverengine.Default()
	cfg.Log, cfg.PidPath, cfg.DaemonProcessName = "myserver.log", "myserver.pid", "mydaemon"
	set := defaults
	var o options

	fs := flag.NewFlagSet("server", flag.ContinueOnError)
	fs.SetOutput(out)
	foreground := fs.Bool("f", false, "stay in the foreground; without it the program becomes a daemon")
	fs.BoolVar(&cfg.Supervisor, "x", false, "keep the server by a supervisor process")
	fs.Func("t", "worker `type`: embedded (default), thread, process or spawn", func(v string) error {
		cfg.Set("worker_type", v)
		return nil
	})
	fs.IntVar(&cfg.Workers, "w", 4, "`number` of workers; an embedded server has one")
	fs.StringVar(&set.Bind, "b", set.Bind, "`address` to listen on")
	fs.IntVar(&set.Port, "p", set.Port, "`port` to listen on")
	fs.Func("e", "exit `code` with which each worker ends by itself (default: it does not)", func(v string) (err error) {
		set.ExitWithCode, err = exitCode(v)
		return err
	})
	fs.Float64Var(&set.ExitAtSeconds, "s", set.ExitAtSeconds, "`seconds` after which it does so")
	fs.BoolVar(&set.ExitAtRandom, "r", false, "do so at a random moment before")
	fs.BoolVar(&cfg.StopImmediatelyAtUnrecoverableExit, "i", false, "stop the server at the first unrecoverable exit")
	fs.Func("u", "exit `code` after which a worker is not started again; may be repeated", func(v string) error {
		code, err := exitCode(v)
		cfg.UnrecoverableExitCodes = append(cfg.UnrecoverableExitCodes, code)
		return err
	})
	fs.StringVar(&o.file, "c", "", "YAML `file` of configuration keys, read again at each reload; it wins over the flags")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q", fs.Arg(0))
		fmt.Fprintln(out, err)
		fs.Usage()
		return o, err
	}
	cfg.Daemonize = !*foreground
	set.into(&cfg)
	o.config = cfg
	return o, nil
}

func exitCode(v string) (int, error) {
	code, err := strconv.Atoi(v)
	if err != nil || code < 0 || code > 255 {
		return 0, errors.New("want a number from 0 to 255")
	}
	return code, nil
}

package workers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/sockets"
)

// Variables of a spawned command's environment.
const (
	EnvWorkerID     = sockets.EnvWorkerID
	EnvManagerPath  = "SERVERENGINE_SOCKETMANAGER_PATH"
	EnvManagerToken = "SERVERENGINE_SOCKETMANAGER_TOKEN"
)

// spawnProps is the actor of a spawn worker. Which command it is, is asked in the goroutine
// that starts it.
func (s *Spawner) spawnProps(inc messages.Incarnation, slot Slot, image func() *procbridge.Image, c Configured) *actor.Props {
	start := func() (actors.Child, error) {
		if err := callBefore(s.Code.BeforeStart, slot); err != nil {
			return nil, err
		}
		cmd, err := callSpawn(s.Code.Spawn, slot)
		if err != nil {
			return nil, err
		}
		if cmd.User == "" && cmd.Group == "" {
			cmd.User, cmd.Group = c.Config.WorkerChuser, c.Config.WorkerChgroup
		}
		env := s.commandEnv(slot)
		if cmd.Wire {
			return s.startForeign(inc, slot, c, cmd, env)
		}
		body, err := encodeCommand(cmd)
		if err != nil {
			return nil, fmt.Errorf("encode the command: %w", err)
		}
		child, err := s.startOurs(inc, image, c, ourChild{
			role: RoleWorker, name: processName(slot), env: env, command: body,
		})
		if err != nil {
			return nil, err
		}
		return kept{child}, nil
	}
	return s.proxy(inc, slot, c, start)
}

// commandEnv is a command's environment: a worker's, and where the socket manager is. Where
// there is none it lacks that, and the log says so, once: most commands never ask.
func (s *Spawner) commandEnv(slot Slot) []string {
	env := slices.DeleteFunc(childEnv(slot), func(v string) bool { // of another engine, that has spawned this program
		return strings.HasPrefix(v, EnvManagerPath+"=") || strings.HasPrefix(v, EnvManagerToken+"=")
	})
	path, token, err := s.Top.Manager()
	if err == nil {
		s.noManager.Store(nil)
		return append(env, EnvManagerPath+"="+path, EnvManagerToken+"="+token)
	}
	why := err.Error()
	if before := s.noManager.Swap(&why); before == nil || *before != why {
		s.Log.Errorf("commands start without %s and %s: %s", EnvManagerPath, EnvManagerToken, why)
	}
	return env
}

// kept marks the process of a keeper.
type kept struct{ actors.Child }

func (kept) Keeps() {}

// startForeign starts a program that speaks the wire itself.
func (s *Spawner) startForeign(inc messages.Incarnation, slot Slot, c Configured, cmd Command, env []string) (actors.Child, error) {
	if len(cmd.Listen) > 0 {
		return nil, errors.New("App.Spawn: Listen is for plain commands; a program that speaks the wire asks the socket manager")
	}
	who, err := userOf(cmd.User, cmd.Group)
	if err != nil {
		return nil, err
	}
	return s.startWire(inc, c, procbridge.Command{
		Path: cmd.Path, Args: append([]string{cmd.Path}, cmd.Args...), Dir: cmd.Dir, User: who, Batch: inBatches(c.Config),
		Env:  append(env, cmd.Env...),
		Info: map[string]string{InfoRole: RoleWorker, InfoApp: s.Code.Name},
	}, nil)
}

// callSpawn runs the App's Spawn; a panic in it fails the start as an error does.
func callSpawn(spawn func(Slot) (Command, error), slot Slot) (cmd Command, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("App.Spawn: panic: %v", r)
		}
	}()
	if cmd, err = spawn(slot); err != nil {
		return cmd, fmt.Errorf("App.Spawn: %w", err)
	}
	if cmd.Path == "" {
		return cmd, errors.New("App.Spawn: Command.Path is empty: give the program to run")
	}
	return cmd, nil
}

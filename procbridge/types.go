package procbridge

import (
	"fmt"
	"reflect"

	"github.com/serverengine/serverengine-go/messages"
)

// Type is the fourth byte of a frame: which message the body holds.
type Type byte

// Types from 1 to 63 travel down, from parent to child. Numbers are never used again.
const (
	TypeBegin       Type = 1
	TypeConfigure   Type = 2
	TypeStop        Type = 3
	TypeRestart     Type = 4
	TypeLiveRestart Type = 5
	TypeInterrupt   Type = 6
	TypeReload      Type = 7
	TypeScale       Type = 8
	TypeScaleBy     Type = 9
	TypeDump        Type = 10
	TypeDeliver     Type = 11
)

// Types from 64 to 127 travel up, from child to parent.
const (
	TypeHello           Type = 64
	TypeReady           Type = 65
	TypeBeat            Type = 66
	TypeProgress        Type = 67
	TypeJobsDone        Type = 68
	TypeConfigSeen      Type = 69
	TypeRequested       Type = 70
	TypeReply           Type = 71
	TypeClosing         Type = 72
	TypeWorkerStarted   Type = 73
	TypeWorkerReady     Type = 74
	TypeWorkerStopping  Type = 75
	TypeWorkerExited    Type = 76
	TypeWorkerStuck     Type = 77
	TypeRestartFinished Type = 78
	TypeServerStarted   Type = 79
	TypeServerReady     Type = 80
	TypeServerExited    Type = 81
	TypeCommandStarted  Type = 82
	TypeCommandExited   Type = 83
)

// kind is one row of the table type byte ↔ message.
type kind struct {
	name   string
	goType reflect.Type
	decode func(body []byte) (any, error)
}

// kinds is indexed by type byte; a row without a name is no type.
var kinds [128]kind

// typeOf is the table read from the other side.
var typeOf = map[reflect.Type]Type{}

func init() {
	row[messages.Begin](TypeBegin)
	row[messages.Configure](TypeConfigure)
	row[messages.Stop](TypeStop)
	row[messages.Restart](TypeRestart)
	row[messages.LiveRestart](TypeLiveRestart)
	row[messages.Interrupt](TypeInterrupt)
	row[messages.Reload](TypeReload)
	row[messages.Scale](TypeScale)
	row[messages.ScaleBy](TypeScaleBy)
	row[messages.Dump](TypeDump)
	row[messages.Deliver](TypeDeliver)

	row[messages.Hello](TypeHello)
	row[messages.Ready](TypeReady)
	row[messages.Beat](TypeBeat)
	row[messages.Progress](TypeProgress)
	row[messages.JobsDone](TypeJobsDone)
	row[messages.ConfigSeen](TypeConfigSeen)
	row[messages.Requested](TypeRequested)
	row[messages.Reply](TypeReply)
	row[messages.Closing](TypeClosing)
	row[messages.WorkerStarted](TypeWorkerStarted)
	row[messages.WorkerReady](TypeWorkerReady)
	row[messages.WorkerStopping](TypeWorkerStopping)
	row[messages.WorkerExited](TypeWorkerExited)
	row[messages.WorkerStuck](TypeWorkerStuck)
	row[messages.RestartFinished](TypeRestartFinished)
	row[messages.ServerStarted](TypeServerStarted)
	row[messages.ServerReady](TypeServerReady)
	row[messages.ServerExited](TypeServerExited)
	row[messages.CommandStarted](TypeCommandStarted)
	row[messages.CommandExited](TypeCommandExited)

	kinds[TypeDeliver].decode = func(b []byte) (any, error) { return boxed(decodeDeliver(b)) }
	kinds[TypeReply].decode = func(b []byte) (any, error) { return boxed(decodeReply(b)) }
	kinds[TypeRequested].decode = func(b []byte) (any, error) { return boxed(decodeRequested(b)) }
}

// row enters a message whose body is JSON.
func row[T any](t Type) {
	rt := reflect.TypeFor[T]()
	kinds[t] = kind{
		name:   rt.Name(),
		goType: rt,
		decode: func(body []byte) (any, error) { return boxed(decodeJSON[T](body)) },
	}
	typeOf[rt] = t
}

// boxed keeps a zero message out of an answer that is an error.
func boxed[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Known reports whether t is in the table.
func (t Type) Known() bool { return int(t) < len(kinds) && kinds[t].name != "" }

// Down reports whether t is a command: from parent to child.
func (t Type) Down() bool { return t >= 1 && t <= 63 }

// Up reports whether t is an event: from child to parent.
func (t Type) Up() bool { return t >= 64 && t <= 127 }

// String is the message's name, or the number of an unknown type.
func (t Type) String() string {
	if t.Known() {
		return kinds[t].name
	}
	return fmt.Sprintf("type %d", byte(t))
}

// TypeOf is the type byte of a message, ErrNotForWire when it has none.
func TypeOf(message any) (Type, error) {
	if t, ok := typeOf[reflect.TypeOf(message)]; ok {
		return t, nil
	}
	return 0, fmt.Errorf("%T: %w", message, ErrNotForWire)
}

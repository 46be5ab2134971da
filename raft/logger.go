package raft

import (
	"fmt"
	"log/slog"
)

// libraryLogger passes the raft library's messages on. It reports broken invariants by Panic and Fatal, which must not
// return; the panic becomes Run's error (protected).
type libraryLogger struct{ lg *slog.Logger }

func (l libraryLogger) Debug(v ...any)                   {}
func (l libraryLogger) Debugf(format string, v ...any)   {}
func (l libraryLogger) Info(v ...any)                    { l.lg.Info(fmt.Sprint(v...)) }
func (l libraryLogger) Infof(format string, v ...any)    { l.lg.Info(fmt.Sprintf(format, v...)) }
func (l libraryLogger) Warning(v ...any)                 { l.lg.Warn(fmt.Sprint(v...)) }
func (l libraryLogger) Warningf(format string, v ...any) { l.lg.Warn(fmt.Sprintf(format, v...)) }
func (l libraryLogger) Error(v ...any)                   { l.lg.Error(fmt.Sprint(v...)) }
func (l libraryLogger) Errorf(format string, v ...any)   { l.lg.Error(fmt.Sprintf(format, v...)) }
func (l libraryLogger) Fatal(v ...any)                   { panic(fmt.Sprint(v...)) }
func (l libraryLogger) Fatalf(format string, v ...any)   { panic(fmt.Sprintf(format, v...)) }
func (l libraryLogger) Panic(v ...any)                   { panic(fmt.Sprint(v...)) }
func (l libraryLogger) Panicf(format string, v ...any)   { panic(fmt.Sprintf(format, v...)) }

package reachability

import (
	"testing"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

var ourRoute = route{"client-1", "server-1"}

// entered is a ledger in which the client's attempts from 1 ended like that.
func entered(results ...agent.Result) *ledger {
	l := newLedger()
	for i, r := range results {
		l.fromClient(agent.Line{Event: agent.Attempt, Client: "client-1", Target: "server-1", Seq: int64(i + 1), Result: r})
	}
	return l
}

func seen(l *ledger, client string, seqs ...int64) {
	for _, s := range seqs {
		l.fromServer(agent.Line{Event: agent.Seen, Client: client, Target: "server-1", Seq: s})
	}
}

func TestCountKeepsToTheWindow(t *testing.T) {
	l := entered(agent.Echo, agent.Echo, agent.TimedOut, agent.Refused, agent.Reset, agent.Unreachable, agent.Other, agent.Echo, agent.Echo, agent.TimedOut)
	seen(l, "client-1", 1, 2, 3, 8, 9)
	seen(l, "client-2", 4, 5) // another's attempts have the same counts
	want := Pair{Attempts: 7, Echoed: 2, LastEchoed: 2, SeenByServer: 3, Timeout: 1, Refused: 1, Reset: 1, Unreachable: 1, Other: 1}
	if got := l.count(ourRoute, 3, 9); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if got := l.count(route{"client-1", "server-2"}, 1, 3); got != (Pair{Missing: 3}) {
		t.Errorf("another server: %+v, want three missing", got)
	}
}

func TestCountTellsOfGaps(t *testing.T) {
	l := entered(agent.Echo, agent.Echo)
	l.fromClient(agent.Line{Event: agent.Attempt, Client: "client-1", Target: "server-1", Seq: 5, Result: agent.Echo})
	if got := l.count(ourRoute, 1, 5); got.Missing != 2 || got.Attempts != 3 {
		t.Errorf("counted %+v, want 3 attempts and 2 missing", got)
	}
}

func TestNextSkipsTheAttemptUnderWay(t *testing.T) {
	l := entered(agent.Echo, agent.Echo, agent.Echo)
	other := route{"allowed-1", "server-1"}
	m := l.next([]route{ourRoute, other})
	if m[ourRoute] != 5 || m[other] != 2 {
		t.Errorf("marks %v, want 5 and 2", m)
	}
}

func TestSettledNeedsRoundsAfterTheMark(t *testing.T) {
	echo := func(route) bool { return true }
	silence := func(route) bool { return false }
	l := entered(agent.Echo, agent.Echo, agent.TimedOut, agent.TimedOut, agent.Refused)
	for _, c := range []struct {
		name string
		mark int64
		want func(route) bool
		open int
	}{
		{"three silent", 3, silence, 0},
		{"begun before the mark", 4, silence, 1},
		{"not what is wanted", 1, echo, 1},
		{"nothing yet", 9, silence, 1},
	} {
		if got := l.unsettled(marks{ourRoute: c.mark}, 3, c.want); got != c.open {
			t.Errorf("%s: %d unsettled, want %d", c.name, got, c.open)
		}
	}
	if got := entered(agent.TimedOut, agent.Echo, agent.TimedOut).unsettled(marks{ourRoute: 1}, 3, silence); got != 1 {
		t.Error("an echo in between does not unsettle")
	}
	if got := newLedger().unsettled(marks{ourRoute: 2}, 3, silence); got != 1 {
		t.Error("a client that says nothing counts as silent")
	}
}

func TestBehind(t *testing.T) {
	l := entered(agent.Echo, agent.Echo, agent.Echo, agent.Echo)
	if l.behind(marks{ourRoute: 3}, 2) != 0 || l.behind(marks{ourRoute: 3}, 3) != 1 {
		t.Error("from 3 on exactly two attempts have ended")
	}
}

func TestLogIsCompleteOnlyBeyondTheWindow(t *testing.T) {
	allowed := route{"allowed-1", "server-1"}
	build := func(seqs ...int64) *ledger {
		l := newLedger()
		for s := int64(1); s <= 20; s++ {
			l.fromClient(agent.Line{Event: agent.Attempt, Client: "allowed-1", Target: "server-1", Seq: s, Result: agent.Echo})
		}
		seen(l, "allowed-1", seqs...)
		return l
	}
	end := marks{allowed: 10}
	for _, c := range []struct {
		name   string
		routes []route
		seen   []int64
		want   bool
	}{
		{"beyond", []route{allowed}, []int64{10, 16}, true},
		{"later still", []route{ourRoute, allowed}, []int64{20}, true},
		{"within the margin", []route{allowed}, []int64{10, 11, 15}, false},
		{"nothing", []route{allowed}, nil, false},
		{"another server", nil, []int64{16}, false},
	} {
		if got := build(c.seen...).complete(c.routes, end, 6); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
	// The allowed client's own word is needed too: a line in the server's log
	// alone says nothing of when it was written.
	l := newLedger()
	seen(l, "allowed-1", 16)
	if l.complete([]route{allowed}, end, 6) {
		t.Error("complete without an echo")
	}
}

func TestOtherEventsAreNoAttempts(t *testing.T) {
	l := newLedger()
	l.fromClient(agent.Line{Event: agent.Ready, Client: "client-1", Target: "server-1", Seq: 1})
	l.fromServer(agent.Line{Event: agent.Listening, Client: "client-1", Target: "server-1", Seq: 1})
	if got := l.count(ourRoute, 1, 1); got != (Pair{Missing: 1}) {
		t.Errorf("counted %+v", got)
	}
}

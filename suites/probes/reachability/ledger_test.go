package reachability

import (
	"testing"
	"time"

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

// Only what is to be shut and stays silent has to be waited for.
func TestSilent(t *testing.T) {
	open := map[route]bool{ourRoute: false}
	for name, c := range map[string]struct {
		of     *ledger
		open   bool
		silent bool
	}{
		"shut":                   {entered(agent.Echo, agent.TimedOut, agent.Refused), false, true},
		"came through once":      {entered(agent.Echo, agent.TimedOut, agent.Echo, agent.TimedOut), false, false},
		"open":                   {entered(agent.TimedOut, agent.TimedOut, agent.TimedOut), true, false},
		"came through before":    {entered(agent.Echo, agent.TimedOut), false, true},
		"not one attempt as yet": {entered(agent.Echo), false, true},
		"the server alone saw it": {func() *ledger {
			l := entered(agent.Echo, agent.TimedOut, agent.TimedOut)
			seen(l, "client-1", 3)
			return l
		}(), false, false},
	} {
		open[ourRoute] = c.open
		silent, loud := c.of.silent(marks{ourRoute: 2}, open)
		if len(silent)+len(loud) != 1 || (len(silent) == 1) != c.silent {
			t.Errorf("%s: silent %v, others %v", name, silent, loud)
		}
	}
}

// A way is given up on when all whom a stage should shut out come through by
// it; all are when that holds for every way.
func TestLearnOpen(t *testing.T) {
	udp, tcp, other := route{"a", "s.udp"}, route{"a", "s.tcp"}, route{"b", "s.udp"}
	ways := map[route]cell{udp: {way: UDP}, tcp: {way: TCP}, other: {way: UDP}, {"a", "s.service"}: {way: Service}}
	for name, c := range map[string]struct {
		through map[route]bool
		want    map[Way]bool
	}{
		"nothing":       {map[route]bool{}, map[Way]bool{}},
		"one way":       {map[route]bool{udp: true, other: true}, map[Way]bool{UDP: true}},
		"one client":    {map[route]bool{udp: true}, map[Way]bool{}},
		"whatever goes": {map[route]bool{udp: true, other: true, tcp: true}, map[Way]bool{UDP: true, TCP: true, Service: true}},
	} {
		m := &segmentation{measurement: measurement{ledger: newLedger()}, cells: ways, open: map[Way]bool{}, restless: map[Group]bool{}}
		shut := marks{}
		for _, r := range []route{udp, tcp, other} {
			shut[r] = 1
			for seq := range int64(settleRounds) {
				result := agent.TimedOut
				if c.through[r] {
					result = agent.Echo
				}
				m.ledger.fromClient(agent.Line{Event: agent.Attempt, Client: r.client, Target: r.server, Seq: seq + 1, Result: result})
			}
		}
		m.learn(StageDenied, measured{stayed: m.stayed(shut), opened: true})
		for _, w := range []Way{UDP, TCP, Service} {
			if m.open[w] != c.want[w] {
				t.Errorf("%s: %s: %t", name, w, m.open[w])
			}
		}
		// What shuts the other end, or what is there by default, is waited for again.
		if m.patience(StageEgress); len(m.open) > 0 {
			t.Errorf("%s: egress does not wait for %v", name, m.open)
		}
		if limit := m.patience(StageBareClients); len(m.open) > 0 || limit != settleLimit {
			t.Errorf("%s: what is there by default is not waited for: %v, %s", name, m.open, limit)
		}
	}
}

// Where some ways did not open, stages about the same servers wait less for
// others that should, and no other stages do.
func TestPatience(t *testing.T) {
	for name, c := range map[string]struct {
		restless StageName
		of       StageName
		want     time.Duration
	}{
		"the same servers":          {StagePodLabel, StageUpdated, impatientLimit},
		"others":                    {StageNamespaceLabel, StageUpdated, settleLimit},
		"what is there by default":  {StageBareServers, StageOpenAgain, settleLimit},
		"not even open":             {StageOpen, StageDenied, impatientLimit},
		"the clients' end":          {StageDenied, StageEgress, settleLimit},
		"the clients' end, default": {StageDenied, StageBareClients, settleLimit},
	} {
		m := &segmentation{open: map[Way]bool{}, restless: map[Group]bool{}}
		m.learn(c.restless, measured{})
		if got := m.patience(c.of); got != c.want {
			t.Errorf("%s: %s after %s gets %s", name, c.of, c.restless, got)
		}
	}
	for noIngress, want := range map[bool]time.Duration{false: settleLimit, true: impatientLimit} {
		if got := (&segmentation{noIngress: noIngress}).longest(StageEgress); got != want {
			t.Errorf("what is to be shut gets %s at the clients' end, nothing shut at the servers': %t", got, noIngress)
		}
	}
}

// On a network that takes its time a way that is to be shut is waited for as
// long as ever, whatever did not open before: looked at earlier it would be a
// leak that is none. What never opens keeps nobody waiting, and what stayed open
// for all as long as it gets is not waited for again by what shuts the same end.
func TestWhatIsToBeShutIsAwaited(t *testing.T) {
	open, shut := route{"a", "s.tcp"}, route{"b", "s.tcp"}
	every := measured{stayed: map[Way]bool{TCP: true, UDP: true}, opened: true}
	for name, c := range map[string]struct {
		before map[StageName]measured
		stage  StageName
		after  time.Duration
		// through are the routes by which answers come.
		through map[route]bool
		want    int
	}{
		"neither as yet":                        {nil, StageUpdated, impatientLimit, map[route]bool{shut: true}, 2},
		"both done":                             {nil, StageUpdated, time.Second, map[route]bool{open: true}, 0},
		"not even open before, leaks":           {map[StageName]measured{StageOpen: {}}, StageDenied, impatientLimit, map[route]bool{open: true, shut: true}, 1},
		"not even open before, and not now":     {map[StageName]measured{StageOpen: {}}, StageDenied, impatientLimit, nil, 0},
		"not even open before, too early":       {map[StageName]measured{StageOpen: {}}, StageDenied, time.Second, nil, 1},
		"the same servers not open, leaks":      {map[StageName]measured{StagePodLabel: {}}, StageUpdated, impatientLimit, map[route]bool{shut: true}, 1},
		"nothing is ever shut":                  {map[StageName]measured{StageDenied: every}, StageUpdated, time.Second, map[route]bool{open: true, shut: true}, 0},
		"nothing is ever shut, the other end":   {map[StageName]measured{StageDenied: every}, StageEgress, impatientLimit, map[route]bool{open: true, shut: true}, 1},
		"nothing is ever shut at either end":    {map[StageName]measured{StageDenied: every, StageEgress: every}, StageBareClients, 0, map[route]bool{open: true, shut: true}, 0},
		"one end is shut, what is by default":   {map[StageName]measured{StageEgress: every}, StageBareClients, impatientLimit, map[route]bool{open: true, shut: true}, 1},
		"the same servers leaked, not open yet": {map[StageName]measured{StagePodLabel: {stayed: every.stayed, opened: true}}, StageUpdated, impatientLimit, map[route]bool{shut: true}, 2},
	} {
		m := &segmentation{measurement: measurement{ledger: newLedger(), routes: []route{open, shut}}, open: map[Way]bool{}, restless: map[Group]bool{},
			cells: map[route]cell{open: {way: TCP}, shut: {way: TCP}}}
		for _, stage := range StageNames() {
			if s, there := c.before[stage]; there {
				m.learn(stage, s)
			}
		}
		limit := m.patience(c.stage)
		ways := m.settling(map[route]bool{open: true, shut: false})
		for _, r := range m.routes {
			result := agent.TimedOut
			if c.through[r] {
				result = agent.Echo
			}
			for seq := range int64(settleRounds + 2) {
				m.ledger.fromClient(agent.Line{Event: agent.Attempt, Client: r.client, Target: r.server, Seq: seq + 1, Result: result})
			}
		}
		if got, _ := m.pending(ways, c.after, limit); got != c.want {
			t.Errorf("%s: %s waits for %d ways after %s, want %d", name, c.stage, got, c.after, c.want)
		}
	}
}

// A window goes on where a greeting was lost shortly before its end, for a while.
func TestWindowGoesOnUntilSteady(t *testing.T) {
	for name, c := range map[string]struct {
		lost, last int64
		after      time.Duration
		want       int
	}{
		"nothing lost":        {0, 8, time.Second, 0},
		"too few":             {0, 5, time.Second, 1},
		"lost a moment ago":   {5, 8, time.Second, 1},
		"lost long ago":       {2, 8, time.Second, 0},
		"lost the last":       {8, 8, closedSpan + time.Second, 1},
		"lost again for good": {8, 8, closedSpan + steadyLimit, 0},
	} {
		m := &segmentation{measurement: measurement{ledger: newLedger()}}
		for seq := range c.last {
			result := agent.Echo
			if seq+1 == c.lost {
				result = agent.TimedOut
			}
			m.ledger.fromClient(agent.Line{Event: agent.Attempt, Client: ourRoute.client, Target: ourRoute.server, Seq: seq + 1, Result: result})
		}
		from := marks{ourRoute: 1}
		if got := m.behind(from, from, map[route]bool{ourRoute: true}, c.after); got != c.want {
			t.Errorf("%s: %d ways to go, want %d", name, got, c.want)
		}
	}
}

// The next attempt is one that begins after now, however many are under way.
func TestNextIsAfterThoseUnderWay(t *testing.T) {
	l := newLedger()
	for seq := range int64(3) {
		l.fromClient(agent.Line{Event: agent.Attempt, Client: ourRoute.client, Target: ourRoute.server, Seq: seq + 1, Begun: seq + 5, Result: agent.TimedOut})
	}
	if got := l.next([]route{ourRoute})[ourRoute]; got != 9 {
		t.Errorf("attempt %d of 7 that had begun", got)
	}
	if got := l.ends([]route{ourRoute})[ourRoute]; got != 3 {
		t.Errorf("attempt %d has ended", got)
	}
}

package ports

import (
	"sync"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

// seat is one pod's view of one target.
type seat struct{ client, target string }

// ledger holds what all agents have said so far.
type ledger struct {
	mu       sync.Mutex
	attempts map[seat]map[int64]agent.Result
	answers  map[seat][]Answer
	scopes   map[seat]map[int64]agent.Scope
	finished map[string]bool
}

func newLedger() *ledger {
	return &ledger{
		attempts: map[seat]map[int64]agent.Result{}, answers: map[seat][]Answer{}, scopes: map[seat]map[int64]agent.Scope{}, finished: map[string]bool{},
	}
}

func (l *ledger) enter(line agent.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := seat{line.Client, line.Target}
	switch line.Event {
	case agent.Attempt:
		if l.attempts[s] == nil {
			l.attempts[s] = map[int64]agent.Result{}
		}
		l.attempts[s][line.Seq] = line.Result
	case agent.Asked:
		l.answers[s] = append(l.answers[s], Answer{line.Question, line.Result, line.Status})
	case agent.Listener:
		if l.scopes[s] == nil {
			l.scopes[s] = map[int64]agent.Scope{}
		}
		l.scopes[s][line.Seq] = line.Scope
	case agent.Finished:
		l.finished[line.Client] = true
	}
}

// unfinished counts the clients that have not made all attempts.
func (l *ledger) unfinished(clients []string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for _, c := range clients {
		if !l.finished[c] {
			count++
		}
	}
	return count
}

// looks are how often each client has looked at each of its targets.
func (l *ledger) looks() map[seat]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[seat]int{}
	for s, looks := range l.scopes {
		out[s] = len(looks)
	}
	return out
}

// unlooked counts the seats that have not been looked from so much more often.
func (l *ledger) unlooked(seats []seat, before map[seat]int, more int) int {
	now, count := l.looks(), 0
	for _, s := range seats {
		if now[s] < before[s]+more {
			count++
		}
	}
	return count
}

// knock adds up what a client saw of a target in the given rounds.
func (l *ledger) knock(pod int, s seat, rounds int) Knock {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := Knock{Pod: pod, Answers: append([]Answer{}, l.answers[s]...)}
	k.Questions = len(k.Answers)
	for seq := range int64(rounds) {
		result, there := l.attempts[s][seq+1]
		if !there {
			k.Missing++
			continue
		}
		k.Attempts++
		switch result {
		case agent.Connected:
			k.Connected++
		case agent.TimedOut:
			k.Timeout++
		case agent.Refused:
			k.Refused++
		case agent.Reset:
			k.Reset++
		case agent.Unreachable:
			k.Unreachable++
		default:
			k.Other++
		}
	}
	return k
}

// control adds up what a client saw of its own server around the rounds.
func (l *ledger) control(pod int, client string, rounds int) Control {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, s := Control{Pod: pod}, seat{client, agent.ControlName}
	for _, result := range l.attempts[s] {
		c.Attempts++
		if result == agent.Echo {
			c.Echoed++
		}
	}
	c.First, c.Last = l.attempts[s][1] == agent.Echo, l.attempts[s][int64(rounds+1)] == agent.Echo
	return c
}

// host gives what a pod in the node's network says of a target. Before are the
// looks until the knocking pods had ended.
func (l *ledger) host(s seat, before map[seat]int) Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := Host{Dialled: l.attempts[s][1], Answers: append([]Answer{}, l.answers[s]...)}
	h.Questions = len(h.Answers)
	for _, scope := range l.scopes[s] {
		h.Looks++
		switch scope {
		case agent.OnNode:
			h.OnNode++
		case agent.OnLoopback:
			h.OnLoopback++
		case agent.OnOther:
			h.OnOther++
		}
	}
	h.LookedAfter = before != nil && h.Looks > before[s]
	return h
}

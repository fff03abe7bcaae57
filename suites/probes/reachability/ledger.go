package reachability

import (
	"sync"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

// route is a client's way to a server, by the names that the agents write.
type route struct{ client, server string }

// ledger holds what all agents have said so far. Attempts are compared by
// their names (client and count) only: the clocks of runner and nodes differ.
type ledger struct {
	mu       sync.Mutex
	attempts map[route]map[int64]agent.Result
	last     map[route]int64
	// begun are the attempts known to have begun.
	begun map[route]int64
	seen  map[route]map[int64]bool
}

func newLedger() *ledger {
	return &ledger{attempts: map[route]map[int64]agent.Result{}, last: map[route]int64{}, begun: map[route]int64{}, seen: map[route]map[int64]bool{}}
}

// fromClient enters a line of a client's log.
func (l *ledger) fromClient(line agent.Line) {
	if line.Event != agent.Attempt {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := route{line.Client, line.Target}
	if l.attempts[r] == nil {
		l.attempts[r] = map[int64]agent.Result{}
	}
	l.attempts[r][line.Seq] = line.Result
	l.last[r] = max(l.last[r], line.Seq)
	l.begun[r] = max(l.begun[r], line.Seq, line.Begun)
}

// fromServer enters a line of a server's log.
func (l *ledger) fromServer(line agent.Line) {
	if line.Event != agent.Seen {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := route{line.Client, line.Target}
	if l.seen[r] == nil {
		l.seen[r] = map[int64]bool{}
	}
	l.seen[r][line.Seq] = true
}

// marks are, for each route, the count of an attempt.
type marks map[route]int64

// next gives the first attempts that surely begin after now: one more than is
// known may be under way, for what was said last is on its way here.
func (l *ledger) next(routes []route) marks {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := marks{}
	for _, r := range routes {
		m[r] = l.begun[r] + 2
	}
	return m
}

// ends gives the last attempts known to have ended.
func (l *ledger) ends(routes []route) marks {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := marks{}
	for _, r := range routes {
		m[r] = l.last[r]
	}
	return m
}

// unsettled counts the routes whose last attempts since the mark are not, for
// the given rounds, all echoed (or all not echoed) as wanted.
func (l *ledger) unsettled(since marks, rounds int64, wantEcho func(route) bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for r, first := range since {
		for seq := l.last[r]; seq > l.last[r]-rounds; seq-- {
			result, there := l.attempts[r][seq]
			if seq < first || !there || (result == agent.Echo) != wantEcho(r) {
				count++
				break
			}
		}
	}
	return count
}

// silent divides routes: those that are to be shut, and by which nothing has
// come since their mark, and the others.
func (l *ledger) silent(from marks, open map[route]bool) (silent, loud marks) {
	l.mu.Lock()
	defer l.mu.Unlock()
	silent, loud = marks{}, marks{}
	for r, first := range from {
		came := open[r]
		for seq := first; seq <= l.last[r] && !came; seq++ {
			came = l.attempts[r][seq] == agent.Echo || l.seen[r][seq]
		}
		if came {
			loud[r] = first
		} else {
			silent[r] = first
		}
	}
	return silent, loud
}

// behind counts the routes that have not ended so many attempts from the mark.
func (l *ledger) behind(from marks, attempts int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	for r, first := range from {
		if l.last[r] < first+attempts-1 {
			count++
		}
	}
	return count
}

// complete reports whether a server's log holds an echoed attempt of one of the
// routes to it that lies the margin or more after the end of the window.
func (l *ledger) complete(toServer []route, end marks, margin int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range toServer {
		for seq := end[r] + margin; seq <= l.last[r]; seq++ {
			if l.attempts[r][seq] == agent.Echo && l.seen[r][seq] {
				return true
			}
		}
	}
	return false
}

// count gives what is known of a route from one attempt to another.
func (l *ledger) count(r route, first, last int64) Pair {
	l.mu.Lock()
	defer l.mu.Unlock()
	var p Pair
	for seq := first; seq <= last; seq++ {
		if l.seen[r][seq] {
			p.SeenByServer++
		}
		result, there := l.attempts[r][seq]
		if !there {
			p.Missing++
			continue
		}
		p.Attempts++
		p.LastEchoed++
		switch result {
		case agent.Echo:
			p.Echoed++
			continue
		case agent.TimedOut:
			p.Timeout++
		case agent.Refused:
			p.Refused++
		case agent.Reset:
			p.Reset++
		case agent.Unreachable:
			p.Unreachable++
		default:
			p.Other++
		}
		p.LastEchoed = 0
	}
	return p
}

package wire

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

// ledger holds what all agents have said so far.
type ledger struct {
	mu sync.Mutex
	// ports on which the receivers of nodes listen, by the node's index.
	ports map[int]int
	// streams that ended, by name.
	streams map[string]agent.Line
	// sniffed is the last word on each device of a node.
	sniffed map[int]map[string]agent.Sniffed
}

func newLedger() *ledger {
	return &ledger{ports: map[int]int{}, streams: map[string]agent.Line{}, sniffed: map[int]map[string]agent.Sniffed{}}
}

func (l *ledger) fromReceiver(node int, line agent.Line) {
	if line.Event == agent.Listening {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ports[node] = line.Port
	}
}

func (l *ledger) fromSender(line agent.Line) {
	if line.Event == agent.Sent && line.Stream != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.streams[line.Target] = line
	}
}

func (l *ledger) fromSniffer(node int, line agent.Line) {
	if line.Event != agent.Sniffing || line.Sniffed == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sniffed[node] == nil {
		l.sniffed[node] = map[string]agent.Sniffed{}
	}
	l.sniffed[node][line.Target] = *line.Sniffed
}

func (l *ledger) port(node int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ports[node]
}

// unsent counts the streams that have not ended.
func (l *ledger) unsent(names []string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(names), func(n string) bool { _, ended := l.streams[n]; return ended }))
}

func (l *ledger) stream(name string) (agent.Line, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, ended := l.streams[name]
	return line, ended
}

// snapshot is the last word on every device of every node.
type snapshot map[int]map[string]agent.Sniffed

func (l *ledger) snapshot() snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := snapshot{}
	for node, devices := range l.sniffed {
		s[node] = map[string]agent.Sniffed{}
		for name, d := range devices {
			s[node][name] = d
		}
	}
	return s
}

// behind counts the nodes on which no device has seen the control canary so
// many times more than in the earlier snapshot. What left a device before a
// control canary was looked at before it.
func (l *ledger) behind(nodes int, since snapshot, times int64) int {
	now := l.snapshot()
	count := 0
	for node := 1; node <= nodes; node++ {
		ahead := false
		for name, d := range now[node] {
			ahead = ahead || d.Control >= since[node][name].Control+times
		}
		if !ahead {
			count++
		}
	}
	return count
}

// quiet counts the nodes on which a device, or all of them, did not yet listen
// for so long since the earlier snapshot.
func (l *ledger) quiet(nodes int, since snapshot, long time.Duration) int {
	now := l.snapshot()
	count := 0
	for node := 1; node <= nodes; node++ {
		listened := len(now[node]) > 0
		for name, d := range now[node] {
			listened = listened && d.Millis-since[node][name].Millis >= long.Milliseconds()
		}
		if !listened {
			count++
		}
	}
	return count
}

// volumes sums what went to the peers, and what hides to whom it went.
func volumes(d agent.Sniffed, peers []int) map[agent.Outer]agent.Volume {
	out := map[agent.Outer]agent.Volume{}
	add := func(peer string) {
		for outer, v := range d.Peers[peer] {
			out[outer] = agent.Volume{Bytes: out[outer].Bytes + v.Bytes, Sealed: out[outer].Sealed + v.Sealed}
		}
	}
	add(agent.UnknownPeer)
	for _, p := range peers {
		add(strconv.Itoa(p))
	}
	return out
}

func sealed(of map[agent.Outer]agent.Volume) int64 {
	var n int64
	for _, v := range of {
		n += v.Sealed
	}
	return n
}

// moments are the snapshots of a leg: when others alone sent, when the streams
// began, when they had ended, and when all of them was looked at.
type moments struct{ idle, before, ended, after snapshot }

// devicesOf gives what left a node for its peers. Canaries are named by the leg,
// so that all that was ever seen of them is of it.
func devicesOf(node int, p prefix, peers []int, m moments) []Device {
	idle, before, ended, after := m.idle, m.before, m.ended, m.after
	names := make([]string, 0, len(after[node]))
	for name := range after[node] {
		names = append(names, name)
	}
	slices.Sort(names)
	out := []Device{}
	for i, name := range names {
		now, then, first := after[node][name], before[node][name], idle[node][name]
		d := Device{
			Name: deviceName(name, i+1), Kind: deviceKind(now.Kind), Offloaded: now.Offloaded, Carried: []Carried{}, Seen: []Seen{},
			ControlBefore: then.Control, ControlAfter: now.Control - ended[node][name].Control, Dropped: now.Dropped, Truncated: now.Truncated,
			Millis: now.Millis - then.Millis, IdleMillis: then.Millis - first.Millis,
		}
		earlier := volumes(then, peers)
		d.IdleSealed = sealed(earlier) - sealed(volumes(first, peers))
		for outer, v := range volumes(now, peers) {
			if more := v.Bytes - earlier[outer].Bytes; more > 0 {
				d.Carried = append(d.Carried, Carried{Outer: outer, Bytes: more, Sealed: v.Sealed - earlier[outer].Sealed})
				d.PeerBytes += more
			}
		}
		slices.SortFunc(d.Carried, func(a, b Carried) int { return strings.Compare(string(a.Outer), string(b.Outer)) })
		for canary, hit := range now.Hits {
			if to, protocol, ours := p.parse(node, canary); ours {
				d.Seen = append(d.Seen, Seen{To: to, Protocol: protocol, Frames: hit.Frames, Offset: hit.Offset, Outer: hit.Outer})
			}
		}
		slices.SortFunc(d.Seen, func(a, b Seen) int {
			if a.To != b.To {
				return a.To - b.To
			}
			return strings.Compare(string(a.Protocol), string(b.Protocol))
		})
		out = append(out, d)
	}
	return out
}

package agent

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseKnocked(t *testing.T) {
	for text, want := range map[string]Knocked{
		"n1=10.0.0.7:22":                   {"n1", "10.0.0.7:22", AskNothing},
		"n1=kubelet:10.0.0.7:10250":        {"n1", "10.0.0.7:10250", AskKubelet},
		"n1=kubelet-plain:[fd00::1]:10255": {"n1", "[fd00::1]:10255", AskKubeletPlain},
		"n1=etcd:10.0.0.7:2379":            {"n1", "10.0.0.7:2379", AskEtcd},
	} {
		if got, err := ParseKnocked(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"10.0.0.7:22", "n1=10.0.0.7", "=10.0.0.7:22", "n 1=10.0.0.7:22", "n1=ssh:10.0.0.7:22"} {
		if _, err := ParseKnocked(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// run runs a role until it has finished, and gives its lines.
func runRole(t *testing.T, nonce string, role func(context.Context, *output) error) []Line {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out output
	ended := make(chan error, 1)
	go func() { ended <- role(ctx, &out) }()
	out.await(t, nonce, func(l Line) bool { return l.Event == Finished })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return out.lines(t, nonce)
}

// closed is an address on which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestKnock(t *testing.T) {
	var bearers []string
	kubelet := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bearers = append(bearers, r.Header.Get("Authorization"))
		switch {
		case r.URL.Path != "/pods":
			w.WriteHeader(http.StatusTeapot)
		case r.Header.Get("Authorization") == "":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusFound)
		}
	}))
	defer kubelet.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer plain.Close()
	etcd := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	etcd.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}
	etcd.Config.ErrorLog = nil
	etcd.StartTLS()
	defer etcd.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	lines := runRole(t, "n", func(ctx context.Context, out *output) error {
		return Knock{Nonce: "n", Client: "k1", Rounds: 2, Every: time.Millisecond, Timeout: 5 * time.Second, TokenFile: token, Targets: []Knocked{
			{"kubelet", at(kubelet), AskKubelet}, {"plain", at(plain), AskKubeletPlain}, {"etcd", at(etcd), AskEtcd},
			{"nothing", at(plain), AskNothing}, {"closed", closed(t), AskEtcd},
		}}.Run(ctx, out)
	})
	got := map[string][]string{}
	for _, l := range lines {
		switch l.Event {
		case Attempt:
			got[l.Target] = append(got[l.Target], string(l.Result))
		case Asked:
			got[l.Target+"?"] = append(got[l.Target+"?"], string(l.Question)+" "+string(l.Result)+" "+http.StatusText(l.Status))
		}
	}
	for target, want := range map[string][]string{
		"kubelet": {"connected", "connected"}, "plain": {"connected", "connected"}, "etcd": {"connected", "connected"}, "nothing": {"connected", "connected"}, "closed": {"refused", "refused"},
		// Once each, and where a redirect leads is not asked.
		"kubelet?": {"anonymous answered Unauthorized", "token answered Found"}, "plain?": {"plain answered OK"},
		"etcd?": {"anonymous certificateWanted ", "plain answered Bad Request"}, "nothing?": nil, "closed?": nil,
	} {
		if !slices.Equal(got[target], want) {
			t.Errorf("%s: %q, want %q", target, got[target], want)
		}
	}
	if !slices.Equal(bearers, []string{"", "Bearer abc"}) {
		t.Errorf("the kubelet was shown %q", bearers)
	}
}

// A header larger than any server's that is meant is not read.
func TestKnockBoundsHeaders(t *testing.T) {
	for size, want := range map[int]Result{32 << 10: Answered, 128 << 10: Other} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", size)) }))
		lines := runRole(t, "n", func(ctx context.Context, out *output) error {
			return Knock{Nonce: "n", Client: "k1", Rounds: 1, Every: time.Millisecond, Timeout: 5 * time.Second,
				Targets: []Knocked{{"x", server.Listener.Addr().String(), AskKubeletPlain}}}.Run(ctx, out)
		})
		server.Close()
		if i := slices.IndexFunc(lines, func(l Line) bool { return l.Event == Asked }); i < 0 || lines[i].Result != want {
			t.Errorf("%d bytes: %+v, want %s", size, lines, want)
		}
	}
}

// The rounds lie apart, and the control is greeted around them.
func TestKnockInRounds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	port := freePort(t)
	var server output
	go func() { _ = Serve{Nonce: "n", Ports: []int{port}, ReadyPort: freePort(t)}.Run(ctx, &server) }()
	server.await(t, "n", func(l Line) bool { return l.Event == Listening })
	start := time.Now()
	lines := runRole(t, "n", func(ctx context.Context, out *output) error {
		return Knock{Nonce: "n", Client: "k1", Rounds: 3, Every: time.Millisecond, Span: 300 * time.Millisecond, Timeout: 2 * time.Second, Settle: time.Second,
			Control: Target{Name: ControlName, Address: address(port)}, Targets: []Knocked{{"closed", closed(t), AskNothing}}}.Run(ctx, out)
	})
	if took := time.Since(start); took < 300*time.Millisecond {
		t.Errorf("all rounds took %s", took)
	}
	var order []string
	for _, l := range lines {
		if l.Event == Attempt {
			order = append(order, l.Target+" "+string(l.Result))
		}
	}
	// Only the first and the last place are certain: attempts end on their own.
	if len(order) != 7 || order[0] != "control echo" || order[6] != "control echo" {
		t.Errorf("%q", order)
	}
}

func TestKnockRefusesWhatIsNoPlan(t *testing.T) {
	good := Knock{Nonce: "n", Client: "k1", Rounds: 1, Every: 1, Timeout: 1}
	for name, change := range map[string]func(*Knock){
		"rounds": func(k *Knock) { k.Rounds = 0 }, "every": func(k *Knock) { k.Every = 0 }, "timeout": func(k *Knock) { k.Timeout = 0 }, "client": func(k *Knock) { k.Client = "a b" },
	} {
		k := good
		change(&k)
		if k.Run(t.Context(), &output{}) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

func TestListenRows(t *testing.T) {
	rows, err := listenRows([]byte(heading +
		"   0: 0100007F:2811 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n" +
		"   1: 120012AC:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n" +
		"   2: 120012AC:094C 130012AC:1234 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"))
	want := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:10257"), netip.MustParseAddrPort("172.18.0.18:2379")}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("%v, %v", rows, err)
	}
	rows, err = listenRows([]byte(heading +
		"   0: 00000000000000000000000000000000:280A 00000000000000000000000000000000:0000 0A 0 0 0\n" +
		"   1: 0000000000000000FFFF00000100007F:2813 00000000000000000000000000000000:0000 0A 0 0 0\n" +
		"   2: 000000FD000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0 0 0\n"))
	want = []netip.AddrPort{netip.MustParseAddrPort("[::]:10250"), netip.MustParseAddrPort("127.0.0.1:10259"), netip.MustParseAddrPort("[fd00::1]:22")}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("%v, %v", rows, err)
	}
	for _, row := range []string{"x\n", "0: 0100007F 0:0 0A\n", "0: 0100007F:XX 0:0 0A\n", "0: 01:0016 0:0 0A\n"} {
		if _, err := listenRows([]byte(heading + row)); err == nil {
			t.Errorf("%q is taken", row)
		}
	}
}

func TestScopeOf(t *testing.T) {
	node := netip.MustParseAddr("10.0.0.7")
	for _, c := range []struct {
		rows string
		want Scope
	}{
		{"", NotListening}, {"0.0.0.0:23", NotListening}, {"0.0.0.0:22", OnNode}, {"[::]:22", OnNode}, {"10.0.0.7:22", OnNode}, {"127.0.0.1:22", OnLoopback},
		{"[::1]:22", OnLoopback}, {"10.0.0.8:22", OnOther}, {"127.0.0.1:22 10.0.0.8:22", OnOther}, {"10.0.0.8:22 127.0.0.1:22", OnOther}, {"127.0.0.1:22 10.0.0.7:22", OnNode},
	} {
		var rows []netip.AddrPort
		for _, r := range strings.Fields(c.rows) {
			rows = append(rows, netip.MustParseAddrPort(r))
		}
		if got := scopeOf(rows, nil, node, 22); got != c.want {
			t.Errorf("%s: %s, want %s", c.rows, got, c.want)
		}
	}
	second := []netip.Addr{netip.MustParseAddr("fd00::2")}
	if got := scopeOf([]netip.AddrPort{netip.MustParseAddrPort("[fd00::2]:22")}, second, netip.MustParseAddr("10.0.0.1"), 22); got != NotListening {
		t.Errorf("on another address that is knocked at: %s", got)
	}
	if got := scopeOf([]netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:22")}, nil, netip.MustParseAddr("fd00::1"), 22); got != NotListening {
		t.Errorf("a socket of IPv4 for an address of IPv6: %s", got)
	}
}

func TestListeners(t *testing.T) {
	tables := t.TempDir()
	if err := os.WriteFile(filepath.Join(tables, "tcp"), []byte(heading+"   0: 0100007F:0016 00000000:0000 0A 0 0 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var out output
	ended := make(chan error, 1)
	go func() {
		ended <- Listeners{
			Knock: Knock{Nonce: "n", Client: "w1", Rounds: 1, Every: time.Millisecond, Timeout: time.Second,
				Targets: []Knocked{{"ssh", "127.0.0.1:22", AskNothing}, {"away", closed(t), AskNothing}}},
			Own: []string{"ssh"}, Again: 5 * time.Millisecond, Tables: tables,
			Canaries: []Knocked{{"canary", closed(t), AskNothing}, {"nowhere", closed(t), AskNothing}}, CanaryRounds: 2, CanaryEvery: time.Millisecond,
		}.Run(ctx, &out)
	}()
	first := out.await(t, "n", func(l Line) bool { return l.Event == Listener && l.Seq == 1 })
	if first.Target != "ssh" || first.Scope != OnNode {
		t.Errorf("%+v", first)
	}
	out.await(t, "n", func(l Line) bool { return l.Event == Listener && l.Seq == 3 })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, l := range out.lines(t, "n") {
		if l.Event == Attempt {
			count[l.Target]++
		}
	}
	if count["ssh"] != 1 || count["away"] != 1 || count["canary"] != 2 || count["nowhere"] != 2 {
		t.Errorf("%v", count)
	}
	if err := (Listeners{Knock: Knock{Nonce: "n", Client: "w1", Rounds: 1, Every: 1, Timeout: 1}, Again: 1, Tables: t.TempDir()}).Run(t.Context(), &output{}); err == nil {
		t.Error("without a table of listening sockets it goes on")
	}
}

package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"gitlab.opencode.de/ig-bvc/bvc-conformance/framework/agent"
)

func logServer(t *testing.T, answer func(request int64, w http.ResponseWriter, r *http.Request)) kubernetes.Interface {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(requests.Add(1), w, r) }))
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func seenLine(seq int) string {
	return fmt.Sprintf(`{"nonce":"n","event":"seen","client":"c","seq":%d}`+"\n", seq)
}

func TestFollowAgentLosesAndDoublesNothing(t *testing.T) {
	client := logServer(t, func(request int64, w http.ResponseWriter, r *http.Request) {
		switch request {
		case 1: // the container has not started
			http.Error(w, `{"kind":"Status","code":400,"reason":"BadRequest"}`, http.StatusBadRequest)
		case 2: // breaks off within a line
			_, _ = io.WriteString(w, seenLine(1)+"foreign\n"+seenLine(2)+seenLine(3)[:20])
		case 3:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case 4: // ends between lines
			_, _ = io.WriteString(w, seenLine(1)+seenLine(2)+seenLine(3))
		default:
			_, _ = io.WriteString(w, seenLine(1)+seenLine(2)+seenLine(3)+seenLine(4)+seenLine(5))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var got []int64
	err := followAgent(ctx, client, "ns", "pod", "n", func(l agent.Line) {
		got = append(got, l.Seq)
		if l.Seq == 5 {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[1 2 3 4 5]" {
		t.Errorf("lines %v, want each of 1 to 5 once", got)
	}
}

func TestFollowAgentGivesUpOnWhatWillNotChange(t *testing.T) {
	for _, code := range []int{http.StatusForbidden, http.StatusNotFound} {
		client := logServer(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) })
		if err := followAgent(t.Context(), client, "ns", "pod", "n", func(agent.Line) {}); err == nil {
			t.Errorf("no error on status %d", code)
		}
	}
}

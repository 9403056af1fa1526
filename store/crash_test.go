package store_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

// Environment of the child that is killed.
const (
	crashURL   = "ISSUANT_TEST_CRASH_URL"
	crashRound = "ISSUANT_TEST_CRASH_ROUND"
)

// commitUntilKilled is the child: it answers messages, and writes a line for each
// answer that it would send. Children of one round answer the same messages.
func commitUntilKilled(url, round string) {
	s, err := store.Open(bg, url, store.Options{CommitTimeout: 30 * time.Second})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	var next struct {
		sync.Mutex
		n int
	}
	for range 8 {
		go func() {
			for {
				next.Lock()
				next.n++
				key := fmt.Sprintf("%s/%d", round, next.n-next.n%7) // some come again
				next.Unlock()
				if body, err := answerOnce(s, key); err == nil {
					os.Stdout.WriteString("answer " + key + " " + body + "\n") // one write: whole or not at all
				} else if !errors.Is(err, engine.ErrRecord) {
					os.Stdout.WriteString("error " + err.Error() + "\n")
				}
			}
		}()
	}
	select {}
}

// answerOnce does what a gate does. Each decision has other bytes, so that two
// decisions on one message show.
func answerOnce(s store.Store, key string) (string, error) {
	sight := storetest.Sighting(key, storetest.Now())
	first, got, err := s.Begin(bg, sight, storetest.Now())
	if err != nil || !first {
		return string(got.Body), err
	}
	e := storetest.Entry(sight, storetest.Now(), rand.Text())
	err = s.Commit(bg, e)
	var taken *engine.TakenError
	if errors.As(err, &taken) {
		return string(taken.Answer.Body), nil
	}
	return string(e.Answer.Body), err
}

func crashRounds() int {
	if os.Getenv("ISSUANT_SOAK") == "1" {
		return 50
	}
	return 5
}

func TestNothingThatWasAnsweredIsLostByACrash(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { crash(t, places()[0].url(t), 1, nil) })
	t.Run("postgres", func(t *testing.T) {
		server := storetest.StartPostgres(t)
		crash(t, server.URL(t), 2, server)
	})
}

func crash(t *testing.T, url string, children int, server *storetest.Postgres) {
	r := mathrand.New(mathrand.NewSource(time.Now().UnixNano()))
	answers := map[string]string{}
	for round := range crashRounds() {
		for key, body := range killed(t, url, round, children, time.Duration(r.Intn(400))*time.Millisecond) {
			answers[key] = body
		}
		if server != nil && round%2 == 1 {
			server.Stop()
			server.Start(t)
		}
		checkAfterCrash(t, url, answers)
	}
	if len(answers) < 10 {
		t.Errorf("only %d messages were answered", len(answers))
	}
	t.Logf("%d messages in %d rounds", len(answers), crashRounds())
}

// killed runs children, kills them some time after they began, and returns what
// they answered.
func killed(t *testing.T, url string, round, children int, after time.Duration) map[string]string {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	answers := map[string]string{}
	ready := make(chan bool, children)
	var cmds []*exec.Cmd
	for range children {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashURL+"="+url, fmt.Sprintf("%s=%d", crashRound, round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
		wg.Go(func() {
			for in := bufio.NewScanner(out); in.Scan(); {
				what, rest, _ := strings.Cut(in.Text(), " ")
				switch key, body, whole := strings.Cut(rest, " "); {
				case what == "ready":
					ready <- true
				case what == "answer" && whole && len(body) == len(rand.Text()):
					mu.Lock()
					if have, ok := answers[key]; ok && have != body {
						t.Errorf("message %s was answered %q and %q", key, have, body)
					}
					answers[key] = body
					mu.Unlock()
				case what == "error":
					t.Errorf("a child: %s", rest)
				}
			}
		})
	}
	for range children {
		select {
		case <-ready:
		case <-time.After(time.Minute):
			t.Error("a child does not begin")
		}
	}
	time.Sleep(after)
	for _, cmd := range cmds {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait() // all that they wrote has been read
	for _, cmd := range cmds {
		_ = cmd.Wait()
	}
	return answers
}

func checkAfterCrash(t *testing.T, url string, answers map[string]string) {
	t.Helper()
	r := open(t, url, store.Options{ReadOnly: true}) // an operator looks before anything is started again
	if _, err := r.Verify(bg); err != nil {
		t.Error(err)
	}
	r.Close()
	s := open(t, url, store.Options{CommitTimeout: 30 * time.Second})
	defer s.Close()
	if _, err := s.Verify(bg); err != nil {
		t.Fatal(err)
	}
	recorded := map[string]int{}
	for l, err := range s.Records(bg, 0) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := strictjson.Parse(l.Text, strictjson.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		id, _ := v.Get("event_id")
		recorded[id.Str]++
	}
	for id, n := range recorded {
		if n != 1 {
			t.Errorf("%s is recorded %d times", id, n)
		}
	}
	for key, body := range answers {
		if recorded["event-"+key] != 1 {
			t.Errorf("message %s was answered, but has no record", key)
		}
		first, got, err := s.Begin(bg, storetest.Sighting(key, storetest.Now()), storetest.Now())
		if first || err != nil || !bytes.Equal(got.Body, []byte(body)) {
			t.Fatalf("message %s again: first %v, %q, %v; it was answered %q", key, first, got.Body, err, body)
		}
	}
}

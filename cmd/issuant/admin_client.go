package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
)

const (
	defaultAdmin   = "127.0.0.1:8081"
	adminPatience  = 15 * time.Second // for an answer; the server itself gives up earlier
	maxAdminAnswer = 64 << 20         // bytes, inclusive
)

// adminFlags say how a running server is reached.
type adminFlags struct {
	admin, token string
	unsafeHTTP   bool
}

func (f *adminFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.admin, "admin", defaultAdmin, "admin `ADDRESS` of a server: host:port or an https URL")
	cmd.Flags().StringVar(&f.token, "admin-token", "", "`FILE` with the bearer token of the admin address, as for serve")
	cmd.Flags().BoolVar(&f.unsafeHTTP, "unsafe-http", false, "send the token to another machine in clear")
}

// base returns the URL of the admin address. A token crosses a network encrypted, or
// with a loud flag.
func (f *adminFlags) base() (*url.URL, error) {
	text := f.admin
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, usage("--admin is neither host:port nor an http or https URL without user and path, as 127.0.0.1:8081")
	}
	host := u.Host
	if u.Port() == "" {
		host += ":80"
	}
	if u.Scheme == "http" && !config.Loopback(host) && !f.unsafeHTTP {
		return nil, usage("--admin %s is another machine, and the token would cross the network in clear: use https or a tunnel (--unsafe-http sends it all the same)", u.Host)
	}
	return u, nil
}

func (f *adminFlags) readToken() (string, error) {
	if f.token == "" {
		return "", usage(`--admin-token is missing: the file with the token that serve has as admin_token; make one with: (umask 077; openssl rand -hex 32 > admin.token)`)
	}
	text, err := server.ReadSecret(f.token)
	if errors.Is(err, fs.ErrNotExist) {
		return "", usage("--admin-token names a file that does not exist; the token itself does not belong here")
	}
	if err != nil {
		return "", fail(exitRefused, "--admin-token: %w", plainPathError(f.token, err))
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fail(exitRefused, "--admin-token: %s holds no token, which is one word", f.token)
	}
	return token, nil
}

// callAdmin asks a server and returns the body of its answer.
func (a *app) callAdmin(f *adminFlags, method, path string, body []byte) ([]byte, error) {
	u, err := f.base()
	if err != nil {
		return nil, err
	}
	token, err := f.readToken()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(a.ctx, adminPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u.Scheme+"://"+u.Host+path, bytes.NewReader(body))
	if err != nil {
		return nil, usage("--admin: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{
		Transport:     &http.Transport{}, // no proxy of the environment sees the token
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if a.ctx.Err() != nil {
		return nil, a.ctx.Err()
	}
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fail(exitUnavailable, "no server answers at %s: %w", u.Host, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAdminAnswer))
	if err != nil {
		return nil, fail(exitUnavailable, "the answer of %s broke off: %w", u.Host, err)
	}
	return text, adminRefusal(u.Host, res.StatusCode, text)
}

// adminRefusal gives an answer that is no success its exit code.
func adminRefusal(host string, status int, text []byte) error {
	var e struct{ Error, Message string }
	_ = json.Unmarshal(text, &e) // what is no answer of ours has no words
	if e.Message == "" {
		e.Message = fmt.Sprintf("status %d", status)
	}
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusUnauthorized:
		return fail(exitRefused, "the server at %s refuses the token; it takes the one in the file of its setting admin_token, and without that setting none", host)
	case status >= 500:
		return fail(exitUnavailable, "the server at %s: %s", host, e.Message)
	case e.Error == "refused_signature":
		return fail(exitRefused, "%s", e.Message)
	}
	return usage("%s", e.Message)
}

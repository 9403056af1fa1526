package gatehttp

import "net/http"

// TransportOf returns what a shadow carries its requests with.
func TransportOf(s *Shadow) http.RoundTripper { return s.opt.Transport }

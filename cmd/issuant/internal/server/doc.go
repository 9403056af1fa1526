// Package server is what issuant serve runs: the webhooks' listener, the admin
// listener beside it, the store, and the files that may change while it runs.
//
// What a configuration names is loaded into parts; a part that changes is loaded
// again and takes the old one's place only when everything about it is in order.
// Until then the last good one stays, and a warning in the log, a metric and /readyz
// say so.
package server

// Package enginetest helps users of package engine to test what they build: fixed
// events of the schema event/v1, a clock that stands still, and a counterpart that
// signs webhooks with throw-away keys. Nothing in it belongs in a service.
package enginetest

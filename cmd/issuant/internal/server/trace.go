package server

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
)

// A trace is one span for the webhook and one for each stage. The stages are not told
// by the gate, which knows no tracing; they are what lies between the moments at
// which the body ended, the ledger was asked, and the record was committed.
const (
	markRead      = iota // the body has ended
	markVerified         // the message is genuine: the ledger is asked
	markBegun            // the ledger has answered
	markDecided          // there is a record to commit
	markCommitted        // it is durable
	marks
)

// journey collects the moments of one request.
type journey struct {
	mu sync.Mutex
	at [marks]time.Time
}

type journeyKey struct{}

// mark notes the first time that a request gets to a moment.
func mark(ctx context.Context, moment int) {
	j, ok := ctx.Value(journeyKey{}).(*journey)
	if !ok {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.at[moment].IsZero() {
		j.at[moment] = time.Now()
	}
}

// tracing sends traces; a nil *tracing does nothing.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// newTracing returns nil when the configuration names no address.
func newTracing(ctx context.Context, c *config.Config, b Build) (*tracing, error) {
	if c.OTLP == "" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(c.OTLP), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(c.OTLPSample)),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "issuant"), attribute.String("service.version", b.Version))),
	)
	return &tracing{provider, provider.Tracer("github.com/issuant/issuant")}, nil
}

// close sends what is left, for a few seconds at most.
func (t *tracing) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // a collector that is away must not keep the server
}

// traced begins a trace of its own for each webhook. The sender's traceparent is
// linked, not continued: a stranger must not choose our trace ids or what is sampled.
func (s *Server) traced(counterpart string, next http.Handler) http.Handler {
	if s.tracing == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		opts := []trace.SpanStartOption{
			trace.WithNewRoot(), trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("issuant.counterpart", counterpart)),
		}
		remote := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
		if link := trace.SpanContextFromContext(remote); link.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: link}))
		}
		ctx, span := s.tracing.tracer.Start(r.Context(), "webhook", opts...)
		j := &journey{}
		ctx = context.WithValue(ctx, journeyKey{}, j)
		r = r.WithContext(ctx)
		r.Body = &markedBody{r.Body, ctx}
		sw := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(sw, r)
		s.stages(ctx, j, start)
		span.SetAttributes(attribute.Int("http.response.status_code", sw.status))
		if sw.status >= 500 {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	})
}

// stages makes spans of the moments that were reached.
func (s *Server) stages(ctx context.Context, j *journey, start time.Time) {
	j.mu.Lock()
	at := j.at
	j.mu.Unlock()
	from := start
	for _, stage := range []struct {
		name string
		end  int
	}{{"receive", markRead}, {"verify", markVerified}, {"remember", markBegun}, {"decide", markDecided}, {"commit", markCommitted}} {
		if at[stage.end].IsZero() {
			continue // refused before: the next moment ends what began here
		}
		_, span := s.tracing.tracer.Start(ctx, stage.name, trace.WithTimestamp(from))
		span.End(trace.WithTimestamp(at[stage.end]))
		from = at[stage.end]
	}
}

// markedBody notes when a body has ended.
type markedBody struct {
	io.ReadCloser
	ctx context.Context
}

// Read implements io.Reader.
func (b *markedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		mark(b.ctx, markRead)
	}
	return n, err
}

// statusWriter keeps the status; Unwrap lets deadlines be set through it.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/issuant/issuant/store"
)

// Numbers of a store. They are read from Stats when somebody asks, which does not
// touch the database.
var (
	seqDesc       = prometheus.NewDesc(ns+"_journal_seq", "Number of the last record in the chain.", nil, nil)
	bytesDesc     = prometheus.NewDesc(ns+"_journal_bytes", "Bytes of all records of the chain, with those that retention deleted.", nil, nil)
	replayDesc    = prometheus.NewDesc(ns+"_replay_messages", "Messages in the replay memory.", nil, nil)
	floorDesc     = prometheus.NewDesc(ns+"_replay_floor_timestamp_seconds", "Messages that were issued up to then are refused, since the replay memory had to let go of some; 0 when it never had to.", nil, nil)
	windowDesc    = prometheus.NewDesc(ns+"_velocity_events", "Events that velocity is counted from.", nil, nil)
	waitingDesc   = prometheus.NewDesc(ns+"_store_waiting_entries", "Records that wait for a commit.", nil, nil)
	entriesDesc   = prometheus.NewDesc(ns+"_store_entries_total", "Records that this process committed.", nil, nil)
	failuresDesc  = prometheus.NewDesc(ns+"_store_failures_total", "Transactions and look-ups that failed.", nil, nil)
	busyDesc      = prometheus.NewDesc(ns+"_store_busy_total", "Records that were turned away because too many waited.", nil, nil)
	deletedDesc   = prometheus.NewDesc(ns+"_store_deleted_records_total", "Records that retention deleted.", nil, nil)
	batchDesc     = prometheus.NewDesc(ns+"_store_batch_entries", "Records of a commit.", nil, nil)
	commitDesc    = prometheus.NewDesc(ns+"_store_commit_duration_seconds", "Of a transaction.", nil, nil)
	storeDescs    = []*prometheus.Desc{seqDesc, bytesDesc, replayDesc, floorDesc, windowDesc, waitingDesc, entriesDesc, failuresDesc, busyDesc, deletedDesc, batchDesc, commitDesc}
	inMemoryDescs = []*prometheus.Desc{seqDesc, bytesDesc, replayDesc, floorDesc, windowDesc}
)

// watchKeeper registers the numbers of what the server keeps its memory in.
func (m *metrics) watchKeeper(k Keeper) {
	switch k := k.(type) {
	case interface{ Stats() store.Stats }:
		m.reg.MustRegister(late{storeDescs, func(ch chan<- prometheus.Metric) { storeMetrics(ch, k.Stats()) }})
	case *memoryKeeper:
		m.reg.MustRegister(late{inMemoryDescs, func(ch chan<- prometheus.Metric) {
			chain := k.journal.Chain()
			sendStore(ch, chain.Seq, chain.Size, int64(k.memory.Len()), k.memory.Floor(), k.window.Len())
		}})
	}
}

func sendStore(ch chan<- prometheus.Metric, seq uint64, bytes, sightings int64, floor time.Time, window int) {
	at := 0.0
	if !floor.IsZero() {
		at = float64(floor.UnixNano()) / 1e9
	}
	gauge(ch, seqDesc, float64(seq))
	gauge(ch, bytesDesc, float64(bytes))
	gauge(ch, replayDesc, float64(sightings))
	gauge(ch, floorDesc, at)
	gauge(ch, windowDesc, float64(window))
}

func storeMetrics(ch chan<- prometheus.Metric, s store.Stats) {
	sendStore(ch, s.Seq, s.Bytes, s.Sightings, s.Floor, s.Window)
	gauge(ch, waitingDesc, float64(s.Waiting))
	for desc, n := range map[*prometheus.Desc]uint64{entriesDesc: s.Entries, failuresDesc: s.Failures, busyDesc: s.Busy, deletedDesc: s.Deleted} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n))
	}
	histogram(ch, batchDesc, s.Batch)
	histogram(ch, commitDesc, s.CommitTime)
}

func gauge(ch chan<- prometheus.Metric, desc *prometheus.Desc, v float64) {
	ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
}

func histogram(ch chan<- prometheus.Metric, desc *prometheus.Desc, h store.Histogram) {
	below, sum := map[float64]uint64{}, uint64(0)
	for i, bound := range h.Bounds {
		sum += h.Counts[i]
		below[bound] = sum
	}
	ch <- prometheus.MustNewConstHistogram(desc, h.Count, h.Sum, below)
}

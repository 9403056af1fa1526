package engine

import (
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

// ExplanationFormat is the version of the JSON form of an Explanation.
const ExplanationFormat = 1

// AppendJSON appends the explanation as canonical JSON: format, decision (as
// Decision.AppendJSON), hits, near_misses, unjudged, flips, evaluations, complete.
// A fact is {"field", "value"}; a masked one has "value": null, "masked": true.
func (x *Explanation) AppendJSON(dst []byte) []byte {
	w := canon.NewWriter(dst)
	w.Object().Key("format").Int(ExplanationFormat).Key("decision")
	w.Append(x.Decision.AppendJSON)
	w.Key("hits")
	writeStories(w, x.Hits)
	w.Key("near_misses")
	writeStories(w, x.NearMisses)
	w.Key("unjudged")
	writeStories(w, x.Unjudged)
	w.Key("flips").Array()
	for _, f := range x.Flips {
		w.Object().Key("field").String(f.Field).Key("from")
		writeFact(w, f.From)
		w.Key("to")
		writeFact(w, f.To)
		w.Key("outcome").String(f.Outcome.String()).Key("action_code").String(f.Action)
		w.Key("distance").Float(f.Distance).EndObject()
	}
	w.EndArray().Key("evaluations").Int(int64(x.Evaluations)).Key("complete").Bool(x.Complete).EndObject()
	return w.Bytes()
}

func writeStories(w *canon.Writer, list []RuleStory) {
	w.Array()
	for i := range list {
		s := &list[i]
		w.Object().Key("id").String(s.ID).Key("version").String(s.Version)
		w.Key("effect").String(s.Effect.String()).Key("reason").String(s.Reason)
		w.Key("weight").Int(s.Weight).Key("missing").Bool(s.Missing).Key("shadow").Bool(s.Shadow)
		w.Key("when").String(s.When).Key("why").StringOrNull(s.Why).Key("say").StringOrNull(s.Say)
		w.Key("truth").String(s.Truth.String()).Key("code").StringOrNull(s.Code).Key("leaves").Array()
		for _, l := range s.Leaves {
			w.Object().Key("text").String(l.Text).Key("truth").String(l.Truth.String())
			w.Key("code").StringOrNull(l.Code).Key("facts").Array()
			for _, f := range l.Facts {
				writeFact(w, f)
			}
			w.EndArray().EndObject()
		}
		w.EndArray().EndObject()
	}
	w.EndArray()
}

func writeFact(w *canon.Writer, f FactStory) {
	w.Object().Key("field").String(f.Field).Key("value")
	rules.AppendValue(w, f.Value)
	if f.Masked {
		w.Key("masked").Bool(true)
	}
	w.EndObject()
}

package engine

import (
	"reflect"
	"testing"
	"unsafe"
)

// fill sets every field of a struct, and of the structs and arrays in it, to something;
// interfaces, functions and maps are left out.
func fill(v reflect.Value) {
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() // fields that are not exported can be set so
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.String:
		v.SetString("of another message")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	}
}

func TestAReleasedFlightHoldsNothing(t *testing.T) {
	f := &flight{draft: new(draft)}
	d := f.draft
	fill(reflect.ValueOf(f).Elem())
	f.draft = d
	fill(reflect.ValueOf(d).Elem())
	texts := d.texts
	f.clear()
	if f.draft != d || len(d.texts) != 0 || cap(d.texts) != cap(texts) {
		t.Fatal("the memory for the decision is lost")
	}
	for _, s := range texts {
		if s != "" {
			t.Errorf("a text is left: %q", s)
		}
	}
	d.texts, f.draft = nil, nil
	if !reflect.DeepEqual(*d, draft{}) || !reflect.DeepEqual(*f, flight{}) {
		t.Errorf("something is left: %+v, %+v", d, f)
	}
}

package report

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
)

// withoutNil returns value with every nil slice in it replaced by an empty one
// and every nil map by an empty one, which encoding/json would both write as
// null. What value refers to is not changed; what has to be is copied. Where
// something may have been replaced, the result is a pointer to the copy, which
// encoding/json writes as the value.
func withoutNil(value any) any {
	v := reflect.ValueOf(value)
	if !v.IsValid() || !mayHoldNil(v.Type()) {
		return value
	}
	own := reflect.New(v.Type())
	own.Elem().Set(v)
	fillNil(own.Elem())
	return own.Interface()
}

// fillNil replaces the nil slices and maps in v, which is settable. What v shares
// with others is copied first.
func fillNil(v reflect.Value) {
	if !mayHoldNil(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		if !v.IsNil() && !mayHoldNil(v.Type().Elem()) {
			return
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		for i := range own.Len() {
			fillNil(own.Index(i))
		}
		v.Set(own)
	case reflect.Map:
		if !v.IsNil() && !mayHoldNil(v.Type().Elem()) {
			return
		}
		own := reflect.MakeMapWithSize(v.Type(), v.Len())
		for key, value := range v.Seq2() {
			entry := reflect.New(v.Type().Elem()).Elem()
			entry.Set(value)
			fillNil(entry)
			own.SetMapIndex(key, entry)
		}
		v.Set(own)
	case reflect.Pointer:
		if !v.IsNil() {
			own := reflect.New(v.Type().Elem())
			own.Elem().Set(v.Elem())
			fillNil(own.Elem())
			v.Set(own)
		}
	case reflect.Interface:
		if !v.IsNil() {
			own := reflect.New(v.Elem().Type()).Elem()
			own.Set(v.Elem())
			fillNil(own)
			v.Set(own)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Field(i); field.CanSet() || v.Type().Field(i).Anonymous && field.Kind() == reflect.Struct {
				fillNil(field)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fillNil(v.Index(i))
		}
	}
}

// holdsNil remembers the answers of mayHoldNil: a type is asked for each row.
var holdsNil sync.Map // reflect.Type -> bool

// mayHoldNil reports whether a value of type t can hold a nil slice or map that
// encoding/json would write as null.
func mayHoldNil(t reflect.Type) bool {
	if answer, ok := holdsNil.Load(t); ok {
		return answer.(bool)
	}
	answer := searchNil(t, make(map[reflect.Type]bool))
	holdsNil.Store(t, answer)
	return answer
}

// searchNil is mayHoldNil with the types on the way, which may contain
// themselves.
func searchNil(t reflect.Type, visited map[reflect.Type]bool) bool {
	if visited[t] || marshalsItself(t) {
		return false
	}
	visited[t] = true
	switch t.Kind() {
	case reflect.Slice, reflect.Map, reflect.Interface:
		return true
	case reflect.Pointer, reflect.Array:
		return searchNil(t.Elem(), visited)
	case reflect.Struct:
		for i := range t.NumField() {
			if field := t.Field(i); (field.IsExported() || field.Anonymous) && searchNil(field.Type, visited) {
				return true
			}
		}
	}
	return false
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshalsItself reports whether encoding/json leaves the form of a value of type
// t to the type.
func marshalsItself(t reflect.Type) bool {
	return t.Implements(jsonMarshaler) || t.Implements(textMarshaler) ||
		reflect.PointerTo(t).Implements(jsonMarshaler) || reflect.PointerTo(t).Implements(textMarshaler)
}

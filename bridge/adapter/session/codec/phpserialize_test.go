package codec

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPHPSerialize(t *testing.T) {
	for _, test := range []struct {
		array map[string]any
		text  string
	}{
		{map[string]any{}, `a:0:{}`},
		{map[string]any{"a": nil, "b": true, "c": false}, `a:3:{s:1:"a";N;s:1:"b";b:1;s:1:"c";b:0;}`},
		{map[string]any{"ë": "Zoë\"; "}, `a:1:{s:2:"ë";s:7:"Zoë"; ";}`},
		{map[string]any{"n": int64(math.MinInt64)}, `a:1:{s:1:"n";i:-9223372036854775808;}`},
		{map[string]any{"f": 3.0}, `a:1:{s:1:"f";d:3;}`},
		{map[string]any{"f": 1e25}, `a:1:{s:1:"f";d:1E+25;}`},
		{map[string]any{"f": -0.1}, `a:1:{s:1:"f";d:-0.1;}`},
		{map[string]any{"l": []any{"x", []any{}}}, `a:1:{s:1:"l";a:2:{i:0;s:1:"x";i:1;a:0:{}}}`},
		// Keys that are numbers, and others that only look like it.
		{map[string]any{"7": "a", "-1": "b", "10": "c", "07": "d", "-0": "e", "+1": "f", "9223372036854775808": "g"},
			`a:7:{i:-1;s:1:"b";i:7;s:1:"a";i:10;s:1:"c";s:2:"+1";s:1:"f";s:2:"-0";s:1:"e";s:2:"07";s:1:"d";s:19:"9223372036854775808";s:1:"g";}`},
	} {
		text, err := phpSerialize(test.array)
		if err != nil || string(text) != test.text {
			t.Errorf("%v is written %s, %v; want %s", test.array, text, err, test.text)
		}
		array, err := phpUnserialize([]byte(test.text))
		if diff := cmp.Diff(test.array, array); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", test.text, err, diff)
		}
	}
}

func TestPHPUnserialize(t *testing.T) {
	for text, want := range map[string]map[string]any{
		`a:1:{i:0;s:1:"a";}`:                             {"0": "a"}, // a session has keys, whatever they are
		`a:1:{s:1:"5";N;}`:                               {"5": nil},
		`a:2:{s:1:"a";i:1;s:1:"a";i:2;}`:                 {"a": int64(2)},
		`a:1:{s:1:"a";a:1:{i:1;N;}}`:                     {"a": map[string]any{"1": nil}},
		`a:1:{s:1:"a";a:1:{s:1:"0";N;}}`:                 {"a": []any{nil}},
		`a:1:{s:1:"a";d:1.0E+25;}`:                       {"a": 1e25},
		`a:1:{s:1:"a";d:0.10000000000000001;}`:           {"a": 0.1},
		`a:1:{s:1:"a";d:-0;}`:                            {"a": math.Copysign(0, -1)},
		`a:2:{s:1:"a";a:2:{i:0;i:1;i:0;i:2;}s:1:"b";N;}`: {"a": map[string]any{"0": int64(2)}, "b": nil},
	} {
		array, err := phpUnserialize([]byte(text))
		if diff := cmp.Diff(want, array); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestPHPAttacks(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat(`a:1:{i:0;`, n) + "N;" + strings.Repeat("}", n)
	}
	if _, err := phpUnserialize([]byte(nested(MaxDepth))); err != nil {
		t.Errorf("as deep as it may be: %v", err)
	}
	for name, text := range map[string]string{
		"deep objects":           strings.Repeat(`a:1:{i:0;O:1:"A":1:{s:1:"a";`, 20000),
		"object as the session":  `O:8:"stdClass":0:{}`,
		"object by itself":       `a:1:{i:0;C:1:"A":0:{}}`,
		"enumeration":            `a:1:{i:0;E:3:"A:B";}`,
		"reference":              `a:2:{i:0;N;i:1;R:2;}`,
		"object reference":       `a:2:{i:0;N;i:1;r:1;}`,
		"escaped text":           `a:1:{i:0;S:1:"\61";}`,
		"object as a key":        `a:1:{O:8:"stdClass":0:{}i:0;}`,
		"array as a key":         `a:1:{a:0:{}i:0;}`,
		"null as a key":          `a:1:{N;i:0;}`,
		"deeper than allowed":    nested(MaxDepth + 1),
		"deep without an end":    strings.Repeat(`a:1:{i:0;`, 20000),
		"many entries":           `a:2147483647:{i:0;N;}`,
		"more entries than are":  `a:2:{i:0;N;}`,
		"fewer entries than are": `a:1:{i:0;N;i:1;N;}`,
		"negative count":         `a:-1:{}`,
		"endless count":          `a:99999999999999999999:{}`,
		"long text":              `a:1:{i:0;s:9223372036854775807:"a";}`,
		"longer text":            `a:1:{i:0;s:5:"abc";}`,
		"shorter text":           `a:1:{i:0;s:2:"abc";}`,
		"negative length":        `a:1:{i:0;s:-1:"";}`,
		"length with a sign":     `a:1:{i:0;s:+1:"a";}`,
		"length with a zero":     `a:1:{i:0;s:01:"a";}`,
		"text of half a letter":  `a:1:{i:0;s:1:"` + "\xc3" + `";}`,
		"large integer":          `a:1:{i:0;i:9223372036854775808;}`,
		"integer with a space":   `a:1:{i:0;i: 1;}`,
		"hex integer":            `a:1:{i:0;i:0x1;}`,
		"no integer":             `a:1:{i:0;i:;}`,
		"infinite":               `a:1:{i:0;d:INF;}`,
		"no number":              `a:1:{i:0;d:NAN;}`,
		"hex float":              `a:1:{i:0;d:0x1p3;}`,
		"float beyond":           `a:1:{i:0;d:1e999;}`,
		"long float":             `a:1:{i:0;d:` + strings.Repeat("0", 100) + `;}`,
		"third truth":            `a:1:{i:0;b:2;}`,
		"bytes after the end":    `a:0:{}a:0:{}`,
		"line after the end":     "a:0:{}\n",
		"no array":               `s:1:"a";`,
		"array of another kind":  `a:0:[]`,
		"nothing":                ``,
		"too much":               `a:1:{i:0;s:300000:"` + strings.Repeat("a", 300000) + `";}`,
	} {
		if array, err := phpUnserialize([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, array)
		}
	}
	// Nothing is made of an object, whatever its class would do.
	gadget, err := phpUnserialize([]byte(`a:1:{i:0;O:40:"Illuminate\Broadcasting\PendingBroadcast":1:{s:1:"a";N;}}`))
	want := map[string]any{"0": map[string]any{phpClass: `Illuminate\Broadcasting\PendingBroadcast`, "a": nil}}
	if diff := cmp.Diff(want, gadget); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	const whole = `a:3:{s:1:"a";d:1.5;i:5;a:1:{i:0;b:1;}s:2:"é";N;}`
	if _, err := phpUnserialize([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		if array, err := phpUnserialize([]byte(whole[:i])); err == nil {
			t.Errorf("the first %d bytes: %v", i, array)
		}
	}
}

package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
)

// readData reads the fields as codecs have them: whole numbers are int64, all others
// float64.
func readData(text []byte) (codec.Data, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return nil, fmt.Errorf("reading the fields: %w", err)
	}
	if err := convert(object); err != nil {
		return nil, err
	}
	return object, nil
}

func convert(object map[string]any) (err error) {
	for name, v := range object {
		if object[name], err = converted(v); err != nil {
			return err
		}
	}
	return nil
}

func converted(v any) (_ any, err error) {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return v.Float64()
		}
		return v.Int64()
	case []any:
		for i := range v {
			if v[i], err = converted(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		return v, convert(v)
	}
	return v, nil
}

package document

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// AppendString appends text as a JSON string. It is valid UTF-8 without control
// characters; fields refuse others.
func AppendString(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // of a string, it cannot fail
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// AppendNumber appends a whole number.
func AppendNumber(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// Members reads an object as [Document.Append] writes it: the text of each member.
func Members(object []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	return members, nil
}

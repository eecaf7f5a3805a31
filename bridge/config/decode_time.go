package config

import (
	"fmt"
	"reflect"
	"time"
)

// duration wants a string with a unit. An integer would be nanoseconds to Go
// and seconds to its writer.
func (d *decoder) duration(path string, v any, dst reflect.Value) {
	at := place{d.doc, path}
	switch v := v.(type) {
	case string:
		duration, err := time.ParseDuration(v)
		if err != nil {
			d.report.spoil(at, `%q is no duration: write it like "30s", "5m" or "1h30m"`, v)
			return
		}
		dst.SetInt(int64(duration))
	case int64:
		d.report.spoil(at, `want a duration, got an integer: write it in quotes with its unit, like "%ds"`, v)
	default:
		d.report.spoil(at, `want a duration like "30s", got %s`, typeName(v))
	}
}

// time wants an offset date-time. The others of TOML's dates are local, and
// would end a grant at a different moment on each machine.
func (d *decoder) time(path string, v any, dst reflect.Value) {
	at := place{d.doc, path}
	switch v := v.(type) {
	case time.Time:
		switch v.Location().String() { // how BurntSushi/toml marks them
		case "datetime-local":
			d.report.spoil(at, "want a date-time with an offset, got a local one: write %sZ for UTC, or an offset such as +02:00 instead of Z",
				v.Format("2006-01-02T15:04:05.999999999"))
		case "date-local":
			d.report.spoil(at, "want a date-time with an offset, got a date: write %sT00:00:00Z", v.Format(time.DateOnly))
		case "time-local":
			d.report.spoil(at, "want a date-time with an offset, such as 2027-01-31T18:00:00Z, got a time of day")
		default:
			if v.IsZero() { // which means no time at all, and so for ever
				d.report.spoil(at, "is the beginning of time: write a time such as 2027-01-31T18:00:00Z")
				return
			}
			dst.Set(reflect.ValueOf(v.UTC()))
		}
	case string:
		hint := "write it like 2027-01-31T18:00:00Z, without quotes"
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			hint = fmt.Sprintf("write %s, without quotes", t.Format(time.RFC3339Nano))
		}
		d.report.spoil(at, "want a date-time, got a string: %s", hint)
	default:
		d.report.spoil(at, "want a date-time such as 2027-01-31T18:00:00Z, got %s", typeName(v))
	}
}

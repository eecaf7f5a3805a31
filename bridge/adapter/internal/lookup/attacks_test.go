package lookup

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/realdb"
)

// TestAddressThatPutsValuesIntoTheText: pgx would, for the sake of proxies.
func TestAddressThatPutsValuesIntoTheText(t *testing.T) {
	connector, err := connect(Postgres, realdb.Postgres(t)+" default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if mode := conn.(*stdlib.Conn).Conn().Config().DefaultQueryExecMode; mode == pgx.QueryExecModeSimpleProtocol {
		t.Errorf("values are part of the text: %s", mode)
	}
}

// TestValueThatTheDriverCannotWrite is not in the log: of what does not suit a column,
// drivers quote it before the database does.
func TestValueThatTheDriverCannotWrite(t *testing.T) {
	o := Options{
		Database: Database{Driver: Postgres, DSN: secretOf(realdb.Postgres(t))},
		Query:    "SELECT $1::text AS note", By: document.Field{Claim: "employee", Type: "number"},
	}
	in := person("")
	in.Principal.Claims["employee"] = "70071992547"
	_, err := mustOpen(t, o).Row(t.Context(), in)
	if !errors.Is(err, errType) || strings.Contains(err.Error(), "70071992547") {
		t.Errorf("%v", err)
	}
}

// TestPatternWithoutMatch: "ann_b@example.com" would be annxb, too.
func TestPatternWithoutMatch(t *testing.T) {
	for query, match := range map[string]string{
		"SELECT id FROM users WHERE email ILIKE $1":                  "",
		"SELECT id FROM users WHERE email like $1":                   "",
		"SELECT id FROM users WHERE email ~* $1":                     "",
		"SELECT id FROM users WHERE email SIMILAR TO $1":             "",
		"SELECT id FROM users WHERE regexp_like(email, $1)":          "",
		"SELECT id, email FROM users WHERE email ILIKE $1":           "email",
		"SELECT id, email FROM users WHERE lower(email) = lower($1)": "",
	} {
		o := Options{
			Database: Database{Driver: Postgres, DSN: secretOf("postgres://ann:hush@127.0.0.1/app")},
			Query:    query, By: document.Field{From: "email"}, Match: match,
		}
		var problems []string
		l := o.Open(adapter.Env{ReadSecrets: true}, nil, func(key, format string, args ...any) {
			problems = append(problems, key+": "+fmt.Sprintf(format, args...))
		})
		if l.db != nil {
			_ = l.Close()
		}
		good := match != "" || strings.Contains(query, "=")
		if good != (problems == nil) || !good && !strings.HasPrefix(problems[0], "lookup.match: missing") {
			t.Errorf("%s: %q", query, problems)
		}
	}
}

// TestByWhatPeopleChooseOrShare: a name is what somebody calls themselves, and a rule
// is for many.
func TestByWhatPeopleChooseOrShare(t *testing.T) {
	for _, from := range []string{"name", "rule", "role", "roles", "groups"} {
		o := Options{
			Database: Database{Driver: Postgres, DSN: secretOf("postgres://ann:hush@127.0.0.1/app")},
			Query:    "SELECT id FROM users WHERE email = $1", By: document.Field{From: from},
		}
		wrong := false
		l := o.Open(adapter.Env{ReadSecrets: true}, nil, func(key, _ string, _ ...any) { wrong = wrong || key == "lookup.by" })
		if l.db != nil {
			_ = l.Close()
		}
		if !wrong {
			t.Errorf("by %s is taken", from)
		}
	}
}

package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// maxCredentialsBytes has room for ten thousand accounts.
const maxCredentialsBytes = 2 << 20

// credentialsTable says where accounts are.
type credentialsTable struct {
	File string `toml:"file"`
}

// credentials wants a table that names the file. Messages never repeat what somebody
// wrote in the table's place.
func (d *decoder) credentials(path string, v any, dst reflect.Value) {
	const write = `write { file = "app.credentials.toml" }`
	at := place{d.doc, path}
	if _, isTable := v.(map[string]any); !isTable {
		d.report.spoil(at, "names and passwords do not stand in this file: %s", write)
		return
	}
	var t credentialsTable
	d.table(path, v, &t)
	switch {
	case d.report.spoiltBelow(at):
	case t.File == "":
		d.report.spoil(at, "says not where the names and passwords are: %s", write)
	default:
		file := resolvePath(at, t.File)
		if file == "" {
			return
		}
		dst.Set(reflect.ValueOf(adapter.NewCredentials(func() (*adapter.Accounts, error) { return readAccounts(file) })))
	}
}

// readAccounts reads a file of accounts:
//
//	[email."ann@example.com"]     # or [subject.ID], or [role.NAME]
//	username = "ann"
//	password = "..."
//
// It is not read by a decoder, whose messages say what was found: errors name no
// text of an account, nor what the parser saw.
func readAccounts(file string) (*adapter.Accounts, error) {
	data, err := readRegular(file, maxCredentialsBytes)
	if err != nil {
		return nil, err
	}
	if err := worldReadable(file); err != nil {
		return nil, err
	}
	doc, problem := parseDocument(file, data)
	if problem != nil {
		return nil, fmt.Errorf(`%s:%d: invalid TOML: write [email."ann@example.com"], and below it lines like password = "...", each once`, file, problem.Line)
	}
	accounts := &adapter.Accounts{}
	lists := map[string]*map[string]adapter.Account{"email": &accounts.Emails, "subject": &accounts.Subjects, "role": &accounts.Roles}
	for _, kind := range sortedKeys(doc.table) {
		list := lists[kind]
		if list == nil {
			return nil, fmt.Errorf("%s: an account is [email.ADDRESS], [subject.ID] or [role.NAME]", doc.source(joinKey("", kind)))
		}
		if *list, err = accountsOf(doc, kind); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

// accountsOf returns the accounts of one kind.
func accountsOf(doc *document, kind string) (map[string]adapter.Account, error) {
	table, isTable := doc.table[kind].(map[string]any)
	if !isTable {
		return nil, fmt.Errorf("%s: %s is no table; write [%s.NAME]", doc.source(kind), kind, kind)
	}
	accounts := make(map[string]adapter.Account, len(table))
	for _, whose := range sortedKeys(table) {
		path := joinKey(kind, whose)
		texts, isTable := table[whose].(map[string]any)
		switch {
		case whose == "":
			return nil, fmt.Errorf("%s: an account for whoever has no %s would be everybody's who has none; name one", doc.source(path), kind)
		case !isTable:
			return nil, fmt.Errorf("%s: %s is no table; write [%s]", doc.source(path), path, path)
		}
		account, err := accountOf(doc, path, texts)
		if err != nil {
			return nil, err
		}
		accounts[whose] = account
	}
	return accounts, nil
}

// accountOf returns one account.
func accountOf(doc *document, path string, texts map[string]any) (adapter.Account, error) {
	account := make(adapter.Account, len(texts))
	for _, name := range sortedKeys(texts) {
		text, isText := texts[name].(string)
		at := doc.source(joinKey(path, name))
		switch {
		case !isText:
			return nil, fmt.Errorf("%s: want a text in quotes", at)
		case text == "":
			return nil, fmt.Errorf("%s: empty", at)
		case strings.ContainsFunc(text, unicode.IsControl):
			return nil, fmt.Errorf("%s: has a line break or another control character", at)
		case strings.TrimSpace(text) == "":
			return nil, fmt.Errorf("%s: nothing but white space", at)
		}
		account[name] = text
	}
	return account, nil
}

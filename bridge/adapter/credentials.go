package adapter

// Credentials is an option that says which file holds the accounts that people have
// in an app. Package config decodes it from { file = "..." }. Like a [Secret], it
// holds where they are, not what they are.
type Credentials struct {
	read func() (*Accounts, error)
}

// NewCredentials returns Credentials that read finds. The error of read says what is
// wrong and what would be right, without what stands in an account.
func NewCredentials(read func() (*Accounts, error)) Credentials { return Credentials{read} }

// String hides what they are.
func (Credentials) String() string { return HiddenSecret }

// IsZero reports whether the option was not written.
func (c Credentials) IsZero() bool { return c.read == nil }

// Read returns the accounts. It is for adapters that will serve (Env.ReadSecrets).
func (c Credentials) Read() (*Accounts, error) { return c.read() }

// Account is what an app knows one account by: texts by name, such as "username" and
// "password".
type Account map[string]string

// String hides the texts.
func (Account) String() string { return HiddenSecret }

// GoString hides the texts.
func (Account) GoString() string { return HiddenSecret }

// MarshalText hides the texts.
func (Account) MarshalText() ([]byte, error) { return []byte(HiddenSecret), nil }

// Accounts are those of an app, by whom they are for. Names are compared exactly.
type Accounts struct {
	// Subjects and Emails are one person's each.
	Subjects, Emails map[string]Account
	// Roles are for everybody who has that role and no other.
	Roles map[string]Account
}

// Of returns the account of the person of in: their own, or else their role's.
func (a *Accounts) Of(in *Input) (Account, bool) {
	if account, has := a.Subjects[in.Principal.Subject]; has && in.Principal.Subject != "" {
		return account, true
	}
	if account, has := a.Emails[in.Principal.Email]; has && in.Principal.Email != "" {
		return account, true
	}
	if role, one := in.Decision.Role(); one && role != "" {
		account, has := a.Roles[role]
		return account, has
	}
	return nil, false
}

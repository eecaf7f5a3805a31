package adapter

import "errors"

// Password is an option that lets somebody in elsewhere: a password or a private key
// that others have chosen, of any length. Like a [Secret], it stands in a file or in
// the environment, and holds where it is, not what it is.
type Password struct {
	read func() (string, error)
}

// NewPassword returns a Password that read finds. The error of read says what is
// wrong and what would be right, without the password.
func NewPassword(read func() (string, error)) Password { return Password{read} }

// String hides the password.
func (Password) String() string { return HiddenSecret }

// Read returns the password, or HiddenSecret if env does not want it read.
func (p Password) Read(env Env) (string, error) {
	switch {
	case !env.ReadSecrets:
		return HiddenSecret, nil
	case p.read == nil:
		return "", errors.New(`missing: say where the password is, such as { file = "app.password" }`)
	}
	return p.read()
}

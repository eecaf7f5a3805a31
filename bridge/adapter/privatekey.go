package adapter

import "errors"

// PrivateKey is an option that says where a private key in PEM stands. Package
// config decodes it from { file = "..." } or { env = "..." }. Like a [Secret], it
// holds no key.
type PrivateKey struct {
	read func() ([]byte, error)
}

// NewPrivateKey returns a PrivateKey whose PEM read finds. The error of read says
// what is wrong and what would be right, without the key.
func NewPrivateKey(read func() ([]byte, error)) PrivateKey { return PrivateKey{read} }

// String hides the key.
func (PrivateKey) String() string { return HiddenSecret }

// Read returns the PEM. It is for adapters that will serve (Env.ReadSecrets).
func (k PrivateKey) Read() ([]byte, error) {
	if k.read == nil {
		return nil, errors.New(`missing: say where the key is, such as { file = "jwt.key" }`)
	}
	return k.read()
}

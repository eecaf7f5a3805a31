package adapter

// Secret is an option whose value stands in a file or in the environment, and
// never in the configuration, which people mail around. Package config decodes
// it from { file = "..." } or { env = "..." }.
//
// It holds where the value comes from, not the value, so that whatever prints
// options prints no secret.
type Secret struct {
	read func() (string, error)
}

// HiddenSecret is what people are shown of a secret.
const HiddenSecret = "(secret)"

// NewSecret returns a Secret whose value read finds. The error of read says what
// is wrong and what would be right, without the value.
func NewSecret(read func() (string, error)) Secret { return Secret{read} }

// String hides the value.
func (Secret) String() string { return HiddenSecret }

// IsZero reports whether the option was not written.
func (s Secret) IsZero() bool { return s.read == nil }

// Read returns the value, or HiddenSecret if env does not want it read.
func (s Secret) Read(env Env) (string, error) {
	if !env.ReadSecrets {
		return HiddenSecret, nil
	}
	return s.read()
}

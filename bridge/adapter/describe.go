package adapter

// Describer is [Options] that say what they do, for people to read.
type Describer interface {
	Options
	// Summary says in a line what the kind is for.
	Summary() string
	// Start returns the TOML of an adapter to start one's own from, in which NAME
	// stands for its name.
	Start() string
	// Sends lists what the app receives.
	Sends() []Sent
}

// Sent is one thing that an app receives.
type Sent struct {
	// In is what it is: "header", "cookie" or, within a token, "claim".
	In string
	// Name is the name of that. A claim within a claim has a path.
	Name string
	// Source says where the value comes from, How what becomes of it on the way,
	// step by step.
	Source string
	How    []string
	// Role is set if it is, or follows from, the roles.
	Role bool
}

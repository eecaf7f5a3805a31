package demo

// person is somebody whom the stand-in's identity provider knows.
type person struct {
	// Key names a sample person, in the sign-in form and as a ready-made
	// session; empty for anyone else.
	Key         string
	Email, Name string
	Groups      []string
	// About says what there is to see as this person.
	About string
}

// subject never is what somebody typed alone: "demo" is the provider.
func (p person) subject() string { return "demo|" + p.Email }

// Label is what to call the person.
func (p person) Label() string {
	if p.Name == "" {
		return p.Email
	}
	return p.Name
}

func samplePeople() []person {
	return []person{
		{
			Key: "ann", Name: "Ann Archer", Email: "ann@example.com",
			Groups: []string{"sre", "everyone"},
			About:  "Admin in Grafana, because of a group.",
		},
		{
			Key: "bob", Name: "Bob Baker", Email: "bob@example.com",
			Groups: []string{"developers", "everyone"},
			About:  "Editor in Grafana, because of a group and an address.",
		},
		{
			Key: "carol", Name: "Carol Contractor", Email: "carol@contractor.example",
			Groups: []string{"contractors"},
			About:  "Reads the wiki. No role in Grafana and Gitea: ssobridge refuses.",
		},
		{
			Key: "zoe", Name: "Zoë Žižková", Email: "zoe@example.com",
			Groups: []string{"Büro Zürich", "R&D <core>", "ops, on call"},
			About: "Viewer in Grafana, which can take such names. " +
				"The wiki cannot: “ops, on call” would become two groups, so ssobridge refuses.",
		},
	}
}

func samplePerson(key string) (person, bool) {
	for _, p := range samplePeople() {
		if p.Key == key {
			return p, true
		}
	}
	return person{}, false
}

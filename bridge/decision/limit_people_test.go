package decision

import (
	"strconv"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// However many people there are, no more are remembered than so many: those who were
// seen last.
func TestPeopleAreForgottenInOrder(t *testing.T) {
	var p people
	limits := &config.RequestLimits{Rate: 1, Burst: 1}
	now := time.Now()
	allow := func(subject string) bool {
		_, ok := p.allow(personKey{"pomerium", subject}, limits, now)
		return ok
	}
	if !allow("first") || allow("first") || !allow("second") {
		t.Fatal("the limit is not one request")
	}
	for n := range maxPeople - 2 {
		allow(strconv.Itoa(n))
	}
	if allow("first") {
		t.Error("the first is forgotten too early")
	}
	if !allow("one more") || allow("first") {
		t.Error("who was seen last is forgotten")
	}
	if !allow("second") {
		t.Error("who was not seen for the longest is remembered")
	}
	if len(p.known) != maxPeople || p.recent.Len() != maxPeople {
		t.Errorf("%d people are known, %d in order", len(p.known), p.recent.Len())
	}
	if _, ok := p.allow(personKey{"okta", "first"}, limits, now); !ok {
		t.Error("the same subject of another issuer is the same person")
	}
}
